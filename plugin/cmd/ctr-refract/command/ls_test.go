// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"cmp"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/pkg/progress"
	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

const heading = "KIND DIGEST TYPE ARTIFACT TYPE SIZE SUBJECT SOURCE PRESENT NOTES"

// rows are a table's lines with one space between the columns.
func rows(table string) []string {
	var rows []string
	for line := range strings.Lines(table) {
		rows = append(rows, strings.Join(strings.Fields(line), " "))
	}
	return rows
}

func sameLines(t *testing.T, got, want []string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("printed\n%s\nwant\n%s", g, w)
	}
}

// sized is the size of content of a shape, as people read it.
func sized(shape shapes.Shape, d digest.Digest) string {
	return progress.Bytes(len(shape.Blobs[d])).String()
}

func TestListOfWhatIsAttached(t *testing.T) {
	kinds := map[string]string{"sbom": "sbom", "signature": "signature", "attestation": "attestation", "attestation-manifest": "attestation"}
	about := func(shape shapes.Shape, number int) digest.Digest { return shape.Expect.References[number].Subject }
	// line is what the table says of one that is a manifest and not here.
	line := func(shape shapes.Shape, number int, kind, source, notes string) string {
		d := shape.References[number]
		return sprint(cmp.Or(kinds[kind], "-"), short(d), kind, "-", sized(shape, d), short(about(shape, number)), source, "no", notes)
	}
	cases := []struct {
		shape string
		want  func(shape shapes.Shape) []string
	}{
		{"artifact-first-same-platform", func(s shapes.Shape) []string { return []string{line(s, 0, "sbom", "index", "-")} }},
		{"references-to-references", func(s shapes.Shape) []string {
			return []string{line(s, 0, "attestation", "index", "-"), line(s, 1, "signature", "index", "-"), line(s, 2, "sbom", "index", "-")}
		}},
		{"cycle-of-two-artifacts", func(s shapes.Shape) []string {
			return []string{line(s, 0, "one", "index", "-"), line(s, 1, "other", "index", "-")}
		}},
		{"three-levels", func(s shapes.Shape) []string {
			return []string{line(s, 0, "signature", "index", "-"), line(s, 1, "signature", "index", "-"), line(s, 2, "sbom", "index", "-")}
		}},
		{"weak-references", func(s shapes.Shape) []string {
			return []string{line(s, 0, "scan", "index", "weak"), line(s, 1, "sbom", "index", "-")}
		}},
		{"two-sources-one-reference", func(s shapes.Shape) []string { return []string{line(s, 0, "sbom", "index,buildkit", "-")} }},
		{"buildkit-attestations", func(s shapes.Shape) []string {
			return []string{line(s, 0, "attestation-manifest", "buildkit", "-"), line(s, 1, "attestation-manifest", "buildkit", "-")}
		}},
		{"soci-v2", func(s shapes.Shape) []string {
			const soci = "application/vnd.amazon.soci.index.v2+json"
			return []string{sprint("soci", short(s.References[0]), soci, soci, sized(s, s.References[0]), short(s.Selected), "soci", "no", "-")}
		}},
		{"malformed-reference-digest", func(s shapes.Shape) []string {
			return []string{
				sprint("sbom", short(s.References[0]), "sbom", "-", sized(s, s.References[0]), "-", "index", "no", `malformed subject "sha256:NOT-A-DIGEST"`),
				line(s, 1, "signature", "index", "-"),
			}
		}},
		{"unknown-digest-algorithm", func(s shapes.Shape) []string { return []string{line(s, 0, "sbom", "index", "-")} }},
		{"plain-blobs-as-entries", func(s shapes.Shape) []string {
			return []string{
				sprint("-", short(s.References[0]), "text/markdown text/markdown", sized(s, s.References[0]), "- index no no subject stated"),
				sprint("sbom", short(s.References[1]), "sbom application/spdx+json", sized(s, s.References[1]), short(s.Selected), "index no -"),
			}
		}},
		{"inline-signatures", func(s shapes.Shape) []string {
			on := short(s.Selected)
			return []string{
				"signature - signature dev.cosignproject.cosign/signature.e59879c 51.0 B " + on + " annotation yes -",
				"- - bundle dev.sigstore.cosign/bundle.6436749 43.0 B " + on + " annotation yes -",
				"- - certificate dev.sigstore.cosign/certificate.776a3f1 48.0 B " + on + " annotation yes -",
				"- - chain dev.sigstore.cosign/chain.8adf60e 42.0 B " + on + " annotation yes -",
			}
		}},
		{"marked-index-first", func(s shapes.Shape) []string {
			return []string{sprint("-", short(s.References[0]), "test-images", "-", sized(s, s.References[0]), short(s.Selected), "index no -")}
		}},
		{"multi-platform", func(shapes.Shape) []string { return nil }},
	}
	for _, c := range cases {
		t.Run(c.shape, func(t *testing.T) {
			shape := shapes.ByName(c.shape)
			p, name := pulled(t, shape)
			for _, called := range []string{"ls", "list"} {
				sameLines(t, rows(p.succeeds(called, name)), append([]string{heading}, c.want(shape)...))
			}
			if asked := p.requests(); asked != 0 {
				t.Errorf("the registry was asked %d times", asked)
			}
		})
	}
}

func TestListOfTwoHundred(t *testing.T) {
	shape := shapes.ByName("artifacts-200")
	p, name := pulled(t, shape)
	got := rows(p.succeeds("ls", name))
	if len(got) != 201 {
		t.Fatalf("%d lines", len(got))
	}
	for i, d := range shape.References {
		if !strings.HasPrefix(got[i+1], "- "+short(d)+" scan ") {
			t.Errorf("line %d is %q, want %s", i+1, got[i+1], d)
		}
	}
}

// What a person has to know besides goes to standard error, so that the table stays a table.
func TestListSaysWhyItKnowsNothing(t *testing.T) {
	for shape, words := range map[string]string{
		"single-manifest":         "this node knows of no index that it is from; with --discover its repository is searched",
		"single-docker-manifest":  "this node knows of no index that it is from; with --discover its repository is searched",
		"match-first-then-nested": "1 nested index is not in the content store",
	} {
		p, name := pulled(t, shapes.ByName(shape))
		for _, called := range []string{"ls", "tree"} {
			got := p.run(called, name)
			if got.code != 0 || !strings.Contains(got.err, words) || strings.Count(got.err, "\n") != 1 {
				t.Errorf("%s %s: exit code %d, %q", called, shape, got.code, got.err)
			}
			if called == "ls" {
				sameLines(t, rows(got.out), []string{heading})
			}
		}
	}
}

func TestListOfOneType(t *testing.T) {
	shape := shapes.ByName("images-first")
	typed := node.About(node.Artifact(t, shape, "application/spdx+json", node.Piece{MediaType: "text/plain", Content: []byte("x")}), shape.Selected, "other")
	typed.ArtifactType = "application/spdx+json"
	shape = node.Attach(t, shape, typed)
	p, name := pulled(t, shape)
	for asked, want := range map[string][]digest.Digest{
		"sbom": {shape.References[0], typed.Digest}, "signature": {shape.References[1]}, "application/spdx+json": {typed.Digest}, "SBOM": nil, "sbo": nil,
	} {
		got := rows(p.succeeds("ls", "--type", asked, name))
		if len(got) != len(want)+1 {
			t.Errorf("--type %s: %q", asked, got)
			continue
		}
		for i, d := range want {
			if !strings.Contains(got[i+1], " "+short(d)+" ") {
				t.Errorf("--type %s: %q, want %s", asked, got[i+1], d)
			}
		}
	}
}

// Types may be as long as an annotation. In a table they are cut, and digests with them, unless all is asked for.
func TestNoTruncPrintsDigestsAndTypesInFull(t *testing.T) {
	shape := shapes.ByName("multi-platform")
	long := strings.Repeat("0123456789", 7)
	sbom := node.About(node.Artifact(t, shape, "application/spdx+json"), shape.Selected, long)
	shape = node.Attach(t, shape, sbom)
	p, name := pulled(t, shape)
	size := sized(shape, sbom.Digest)
	cut := long[:59] + "…"
	sameLines(t, rows(p.succeeds("ls", name))[1:], []string{
		sprint("-", short(sbom.Digest), cut, "-", size, short(shape.Selected), "index no -"),
	})
	sameLines(t, rows(p.succeeds("ls", "--no-trunc", name))[1:], []string{
		sprint("-", sbom.Digest, long, "-", size, shape.Selected, "index no -"),
	})
	for _, words := range []string{cut, short(sbom.Digest) + " "} {
		if out := p.succeeds("tree", name); !strings.Contains(out, words) {
			t.Errorf("tree without %q:\n%s", words, out)
		}
	}
	for _, words := range []string{long, sbom.Digest.String(), shape.Selected.String(), shape.Root.Digest.String()} {
		if out := p.succeeds("tree", "--no-trunc", name); !strings.Contains(out, words) {
			t.Errorf("tree without %q:\n%s", words, out)
		}
	}
}

func TestPresentFollowsWhatTheNodeHas(t *testing.T) {
	shape := shapes.ByName("images-first")
	p, name := pulled(t, shape)
	present := func() string {
		var answers []string
		for _, row := range rows(p.succeeds("ls", name))[1:] {
			columns := strings.Fields(row)
			answers = append(answers, columns[len(columns)-2])
		}
		return strings.Join(answers, " ")
	}
	if got := present(); got != "no no" {
		t.Errorf("after the pull: %s", got)
	}
	p.succeeds("fetch", name, shape.References[1].String())
	if got := present(); got != "no yes" {
		t.Errorf("after one was fetched: %s", got)
	}
	p.Spoil(t, shape.References[1], make([]byte, len(shape.Blobs[shape.References[1]])))
	if got := present(); got != "no unknown" {
		t.Errorf("after it was spoiled: %s", got)
	}
	if out := p.succeeds("tree", name); strings.Count(out, "[not fetched]") != 1 || strings.Count(out, "[unreadable]") != 1 {
		t.Errorf("tree:\n%s", out)
	}
}
