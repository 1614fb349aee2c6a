// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

// drawing writes down what a tree is to look like.
type drawing struct{ shapes.Shape }

// at is a line of a reference that is a manifest.
func (d drawing) at(number int, kind string) string {
	of := d.References[number]
	return sprint(kind, short(of), sized(d.Shape, of))
}

func (d drawing) index() string { return "└── index " + short(d.Root.Digest) }

func (d drawing) image() string { return "image linux/amd64 " + short(d.Selected) + " [selected]" }

// inner is the nested index that holds something, known by its place in the order of pushing.
func (d drawing) inner(number int) string {
	var indexes []digest.Digest
	for _, document := range d.Manifests {
		if d.MediaTypes[document] == ocispec.MediaTypeImageIndex {
			indexes = append(indexes, document)
		}
	}
	return "index " + short(indexes[number])
}

func TestTreeOfWhatIsAttachedToWhat(t *testing.T) {
	cases := []struct {
		shape string
		want  func(d drawing) []string
	}{
		{"artifact-first-same-platform", func(d drawing) []string {
			foreign := ""
			for image := range d.Configs {
				if image != d.Selected {
					foreign = short(image)
				}
			}
			return []string{
				d.index(),
				"    ├── image linux/arm64/v8 " + foreign,
				"    └── " + d.image(),
				"        └── " + d.at(0, "sbom") + " [not fetched]",
			}
		}},
		{"references-to-references", func(d drawing) []string {
			return []string{
				d.index(),
				"    └── " + d.image(),
				"        └── " + d.at(2, "sbom") + " [not fetched]",
				"            └── " + d.at(1, "signature") + ` "signs the SBOM" [not fetched]`,
				"                └── " + d.at(0, "attestation") + " [not fetched]",
			}
		}},
		{"cycle-of-two-artifacts", func(d drawing) []string {
			return []string{
				d.index(),
				"    ├── " + d.image(),
				"    └── subject " + short(d.References[1]) + " [in a cycle]",
				"        └── " + d.at(0, "one") + " [not fetched]",
				"            └── " + d.at(1, "other") + " [not fetched]",
				"                └── " + d.at(0, "one") + " [not fetched, repeated]",
			}
		}},
		{"cycle-of-one-artifact", func(d drawing) []string {
			return []string{
				d.index(),
				"    ├── " + d.image(),
				"    └── subject " + short(d.References[0]) + " [in a cycle]",
				"        └── " + d.at(0, "one") + " [not fetched]",
				"            └── " + d.at(0, "one") + " [not fetched, repeated]",
			}
		}},
		{"cycle-through-nested-index", func(d drawing) []string {
			return []string{
				d.index(),
				"    └── " + d.inner(0),
				"        ├── " + d.image(),
				"        │   └── " + d.at(1, "one") + " [not fetched]",
				"        └── " + d.at(0, "one") + " [not fetched, repeated]",
			}
		}},
		{"three-levels", func(d drawing) []string {
			return []string{
				d.index(),
				"    └── " + d.inner(1),
				"        ├── " + d.inner(0),
				"        │   ├── " + d.image(),
				"        │   │   └── " + d.at(2, "sbom") + " [not fetched]",
				"        │   └── " + d.at(1, "signature") + " [not fetched]",
				"        └── " + d.at(0, "signature") + " [not fetched]",
			}
		}},
		{"weak-references", func(d drawing) []string {
			return []string{
				d.index(),
				"    ├── " + d.image(),
				"    │   └── " + d.at(1, "sbom") + " [not fetched]",
				"    └── subject " + short(digest.FromString("an image in another index")) + " [not in this index]",
				"        └── " + d.at(0, "scan") + " [weak, not fetched]",
			}
		}},
		{"malformed-reference-digest", func(d drawing) []string {
			return []string{
				d.index(),
				"    ├── " + d.image(),
				"    │   └── " + d.at(1, "signature") + " [not fetched]",
				"    └── " + d.at(0, "sbom") + ` [malformed subject "sha256:NOT-A-DIGEST", not fetched]`,
			}
		}},
		{"unknown-digest-algorithm", func(d drawing) []string {
			return []string{d.index(), "    └── " + d.image(), "        └── " + d.at(0, "sbom") + " [not fetched]"}
		}},
		{"soci-v2", func(d drawing) []string {
			return []string{
				d.index(),
				"    └── " + d.image(),
				"        └── soci " + short(d.References[0]) + " application/vnd.amazon.soci.index.v2+json " + sized(d.Shape, d.References[0]) + " [not fetched]",
			}
		}},
		{"plain-blobs-as-entries", func(d drawing) []string {
			return []string{
				d.index(),
				"    ├── " + d.image(),
				"    │   └── sbom " + short(d.References[1]) + " application/spdx+json " + sized(d.Shape, d.References[1]) + " [not fetched]",
				"    └── text/markdown " + short(d.References[0]) + " " + sized(d.Shape, d.References[0]) + " [no subject stated, not fetched]",
			}
		}},
		{"image-listed-twice", func(d drawing) []string {
			return []string{d.index(), "    ├── " + d.image(), "    └── image linux/amd64 " + short(d.Selected) + " [repeated]"}
		}},
	}
	for _, c := range cases {
		t.Run(c.shape, func(t *testing.T) {
			shape := shapes.ByName(c.shape)
			p, name := pulled(t, shape)
			got := strings.Split(strings.TrimSuffix(p.succeeds("tree", name), "\n"), "\n")
			sameLines(t, got, append([]string{name}, c.want(drawing{shape})...))
			if asked := p.requests(); asked != 0 {
				t.Errorf("the registry was asked %d times", asked)
			}
		})
	}
}

func TestTreeOfInlineSignaturesHoldsTheirKeys(t *testing.T) {
	shape := shapes.ByName("inline-signatures")
	p, name := pulled(t, shape)
	d := drawing{shape}
	got := strings.Split(p.succeeds("tree", name), "\n")
	sameLines(t, got[:7], []string{
		name,
		d.index(),
		"    ├── " + d.image(),
		"    │   ├── signature dev.cosignproject.cosign/signature.e59879c 51.0 B",
		"    │   ├── bundle dev.sigstore.cosign/bundle.6436749 43.0 B",
		"    │   ├── certificate dev.sigstore.cosign/certificate.776a3f1 48.0 B",
		"    │   └── chain dev.sigstore.cosign/chain.8adf60e 42.0 B",
	})
}

func TestTreeOfASingleManifestAndOfUnreadIndexes(t *testing.T) {
	single := shapes.ByName("single-manifest")
	p, name := pulled(t, single)
	sameLines(t, strings.Split(p.run("tree", name).out, "\n"), []string{name, "└── manifest " + short(single.Root.Digest), ""})

	unread := shapes.ByName("match-first-then-nested")
	p, name = pulled(t, unread)
	d := drawing{unread}
	sameLines(t, strings.Split(p.run("tree", name).out, "\n"), []string{
		name, d.index(), "    ├── " + d.image(), "    └── " + d.inner(0) + " [unread]", "",
	})
}

func TestTreeOfTwoHundredArtifactsHangsThemOnTheImage(t *testing.T) {
	shape := shapes.ByName("artifacts-200")
	p, name := pulled(t, shape)
	got := strings.Split(strings.TrimSuffix(p.succeeds("tree", name), "\n"), "\n")
	if len(got) != 203 {
		t.Fatalf("%d lines", len(got))
	}
	d := drawing{shape}
	for i := range shape.References {
		branch := "├── "
		if i == 199 {
			branch = "└── "
		}
		if want := "        " + branch + d.at(i, "scan") + " [not fetched]"; got[i+3] != want {
			t.Errorf("line %d is %q, want %q", i+3, got[i+3], want)
		}
	}
}

// A chain of references is as long as its maker likes. Indented all the way, a tree would grow with its square.
func TestTreeOfALongChainIsNotIndentedForEver(t *testing.T) {
	const links = 5000
	shape := shapes.ByName("multi-platform")
	var chain []ocispec.Descriptor
	subject := shape.Selected
	for number := range links {
		entry := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(fmt.Sprint("link ", number)), Size: 1}
		chain = append(chain, node.About(entry, subject, "x"))
		subject = entry.Digest
	}
	p, name := pulled(t, node.Attach(t, shape, chain...))
	out := p.succeeds("tree", name)
	last := short(chain[links-1].Digest)
	var found string
	for line := range strings.Lines(out) {
		if len(line) > 600 {
			t.Fatalf("a line of %d bytes", len(line))
		}
		if strings.Contains(line, last) {
			found = line
		}
	}
	// The image is at depth 1, the first link at 2, and what is deeper than 40 is said in words.
	if !strings.Contains(found, fmt.Sprintf("(%d deeper) ", links+1-40)) {
		t.Errorf("the last link's line is %q", found)
	}
}

// What an unread index may list is not said to be missing.
func TestTreeDoesNotClaimToKnowWhatAnUnreadIndexHolds(t *testing.T) {
	shape := shapes.ByName("match-first-then-nested")
	elsewhere := digest.FromString("perhaps in the nested index")
	shape = node.Attach(t, shape, node.About(node.Artifact(t, shape, "x/y"), elsewhere, "scan"))
	p, name := pulled(t, shape)
	out := p.run("tree", name).out
	for _, words := range []string{"subject " + short(elsewhere) + " [not in what was read of this index]\n", "[perhaps weak, not fetched]\n"} {
		if !strings.Contains(out, words) {
			t.Errorf("tree without %q:\n%s", words, out)
		}
	}
}
