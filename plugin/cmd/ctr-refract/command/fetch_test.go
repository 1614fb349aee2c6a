// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// presence tells which of a shape's references the node has whole.
func (p *place) presence(shape shapes.Shape) []bool {
	var here []bool
	for _, d := range shape.References {
		whole := true
		for _, part := range contentOf(p.t, shape, d) {
			whole = whole && p.Has(p.ctx, part)
		}
		here = append(here, whole)
	}
	return here
}

func TestFetchDownloadsWhatIsAskedFor(t *testing.T) {
	cases := []struct {
		name      string
		shape     string
		arguments func(shape shapes.Shape) []string
		want      []bool
	}{
		{"all", "three-levels", func(shapes.Shape) []string { return nil }, []bool{true, true, true}},
		{"a digest", "three-levels", func(s shapes.Shape) []string { return []string{s.References[1].String()} }, []bool{false, true, false}},
		{"the beginning of one", "three-levels", func(s shapes.Shape) []string { return []string{s.References[2].String()[:20]} }, []bool{false, false, true}},
		{"without its algorithm", "three-levels", func(s shapes.Shape) []string { return []string{s.References[0].Encoded()[:12]} }, []bool{true, false, false}},
		{"all of a type", "three-levels", func(shapes.Shape) []string { return []string{"--type", "signature"} }, []bool{true, true, false}},
		{"of a cycle, both", "cycle-of-two-artifacts", func(shapes.Shape) []string { return nil }, []bool{true, true}},
		{"weak ones too", "weak-references", func(shapes.Shape) []string { return nil }, []bool{true, true}},
		{"attestations", "buildkit-attestations", func(shapes.Shape) []string { return nil }, []bool{true, true}},
		{"a SOCI index", "soci-v2", func(shapes.Shape) []string { return nil }, []bool{true}},
		{"with a malformed subject", "malformed-reference-digest", func(shapes.Shape) []string { return []string{"--type", "sbom"} }, []bool{true, false}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			shape := shapes.ByName(c.shape)
			p, name := pulled(t, shape)
			var want []string
			for i, d := range shape.References {
				if !c.want[i] {
					continue
				}
				var size int
				parts := contentOf(t, shape, d)
				for _, part := range parts {
					size += len(shape.Blobs[part])
				}
				want = append(want, fmt.Sprintf("fetched %s %s, %d blobs, %d.0 B", d, kindOf(shape, i), len(parts), size))
			}
			sameLines(t, rows(p.succeeds(append([]string{"fetch"}, flagsFirst(name, c.arguments(shape))...)...)), want)
			if got := p.presence(shape); !slices.Equal(got, c.want) {
				t.Errorf("present: %v, want %v", got, c.want)
			}
			for i, d := range shape.References {
				if asked := p.askedFor(d); (asked == 1) != c.want[i] || asked > 1 {
					t.Errorf("%s was asked for %d times", d, asked)
				}
			}
			if p.askedFor(shape.Root.Digest) != 0 || p.asked["latest"] != 0 {
				t.Error("the tag was resolved again")
			}
		})
	}
}

// flagsFirst puts an image's name before what names a reference, and behind flags.
func flagsFirst(name string, arguments []string) []string {
	if len(arguments) > 0 && strings.HasPrefix(arguments[0], "--") {
		return append(slices.Clone(arguments), name)
	}
	return append([]string{name}, arguments...)
}

func kindOf(shape shapes.Shape, number int) string { return shape.Expect.References[number].Type }

func TestFetchDoesNotDownloadAgainWhatIsHere(t *testing.T) {
	shape := shapes.ByName("three-levels")
	p, name := pulled(t, shape)
	p.succeeds("fetch", name, shape.References[1].String())
	p.forget()
	out := p.succeeds("fetch", name)
	for i, word := range []string{"fetched ", "kept ", "fetched "} {
		if line := strings.Split(out, "\n")[i]; !strings.HasPrefix(line, word) {
			t.Errorf("line %d is %q", i, line)
		}
	}
	if asked := p.askedFor(shape.References[1]); asked != 0 {
		t.Errorf("what is here was asked for %d times", asked)
	}
	p.forget()
	if out := p.succeeds("fetch", name); strings.Count(out, "kept ") != 3 || p.requests() != 0 {
		t.Errorf("%d requests: %s", p.requests(), out)
	}
	// With the registry gone nothing is different.
	if err := p.registry.Close(); err != nil {
		t.Fatal(err)
	}
	p.succeeds("fetch", name)
}

// Of one that is here in part only the rest is asked for.
func TestFetchDownloadsOnlyTheMissingPart(t *testing.T) {
	p, name, shape, artifact := withArtifact(t, piece("", "first"), piece("", "second"))
	p.Drop(p.ctx, t, digest.FromString("second"))
	p.Collect(p.ctx, t) // takes the bytes away, too
	p.succeeds("fetch", name)
	if p.requests() != 1 || p.askedFor(digest.FromString("second")) != 1 {
		t.Errorf("asked for %v", p.asked)
	}
	if got := p.presence(shapes.Shape{Blobs: shape.Blobs, References: []digest.Digest{artifact}}); !got[0] {
		t.Error("it is not whole")
	}
}

func TestFetchOfTwoHundredAsksForEachOnce(t *testing.T) {
	shape := shapes.ByName("artifacts-200")
	p, name := pulled(t, shape)
	if out := p.succeeds("fetch", name); strings.Count(out, "fetched ") != 200 {
		t.Errorf("printed\n%s", out)
	}
	if here := p.presence(shape); slices.Contains(here, false) {
		t.Errorf("present: %v", here)
	}
	for _, d := range shape.References {
		if asked := p.askedFor(d); asked != 1 {
			t.Errorf("%s was asked for %d times", d, asked)
		}
	}
}

func TestFetchOfAnnotationsHasNothingToFetch(t *testing.T) {
	p, name := pulled(t, shapes.ByName("inline-signatures"))
	if out := p.succeeds("fetch", name); out != "4 kept in annotations of the index, nothing to fetch\n" || p.requests() != 0 {
		t.Errorf("%d requests, %q", p.requests(), out)
	}
}

// Each failure is named with its reason; the others are fetched and kept all the same.
func TestFetchNamesEachFailure(t *testing.T) {
	shape := shapes.ByName("artifacts-200")
	gone, broken, wrong := shape.References[3], shape.References[50], shape.References[199]
	p, name := pulled(t, shape)
	p.registry.Delete(shape.Name, gone)
	forbidden := registry.OnGet(broken, registry.Status(http.StatusForbidden))
	other := registry.OnGet(wrong, registry.Body(ocispec.MediaTypeImageManifest, []byte("something else")))
	p.fault(func(w http.ResponseWriter, r *http.Request, target registry.Target) bool {
		return forbidden(w, r, target) || other(w, r, target)
	})
	got := p.fails(1, []string{
		"scan " + gone.String() + " was not fetched: ", "scan " + broken.String() + " was not fetched: ", "403 Forbidden",
		"scan " + wrong.String() + " was not fetched: ", "3 of 200 references were not fetched",
	}, "fetch", name)
	if lines := strings.Count(got.err, "\n"); lines != 4 {
		t.Errorf("%d lines: %s", lines, got.err)
	}
	if count := strings.Count(got.out, "fetched "); count != 197 {
		t.Errorf("%d were fetched", count)
	}
	for i, here := range p.presence(shape) {
		if failed := i == 3 || i == 50 || i == 199; here == failed {
			t.Errorf("reference %d is here: %v", i, here)
		}
	}
	p.Collect(p.ctx, t)
	if !p.presence(shape)[0] {
		t.Error("what was fetched beside failures was collected")
	}
}

func TestFetchOfWhatTheRegistryDoesNotHave(t *testing.T) {
	for _, missing := range []string{"manifest", "config", "layer"} {
		shape := shapes.ByName("artifact-first-same-platform")
		parts := contentOf(t, shape, shape.References[0])
		p, name := pulled(t, shape)
		p.registry.Delete(shape.Name, parts[slices.Index([]string{"manifest", "config", "layer"}, missing)])
		p.fails(1, []string{"sbom " + shape.References[0].String() + " was not fetched", "not found", "1 of 1 references"}, "fetch", name)
		// Where a manifest is, the rest is too.
		if p.Has(p.ctx, shape.References[0]) {
			t.Errorf("without its %s the manifest is here", missing)
		}
	}
}

func TestFetchRefusesAnAlgorithmThatNobodyHereCanCheck(t *testing.T) {
	shape := shapes.ByName("unknown-digest-algorithm")
	p, name := pulled(t, shape)
	p.fails(1, []string{shape.References[0].String(), "was not fetched", "unsupported digest algorithm"}, "fetch", name)
	if p.requests() != 0 {
		t.Errorf("asked for %v", p.asked)
	}
}

func TestFetchLeavesOutWhatIsOverMaxBytes(t *testing.T) {
	shape := shapes.ByName("multi-platform")
	large := node.About(node.Artifact(t, shape, "x/large", piece("", strings.Repeat("x", 5000))), shape.Selected, "large")
	little := node.About(node.Artifact(t, shape, "x/little", piece("", "x")), shape.Selected, "little")
	shape = node.Attach(t, shape, large, little)
	p, name := pulled(t, shape)
	p.fails(1, []string{"large " + large.Digest.String() + " was not fetched", "max_bytes is 4000", "1 of 2"}, "fetch", "--max-bytes", "4000", name)
	if p.Has(p.ctx, large.Digest) || !p.Has(p.ctx, little.Digest) || p.askedFor(digest.FromString(strings.Repeat("x", 5000))) != 0 {
		t.Errorf("asked for %v", p.asked)
	}
	p.succeeds("fetch", "--max-bytes", "0", name)
	if !p.Has(p.ctx, large.Digest) {
		t.Error("without a limit it was not fetched")
	}
}

// Many that are each small enough may not be so together. Which ones are left out does not depend on who is faster.
func TestFetchLeavesOutWhatIsOverMaxBytesTotal(t *testing.T) {
	shape := shapes.ByName("multi-platform")
	var entries []ocispec.Descriptor
	for number := range 4 {
		text := fmt.Sprint(number) + strings.Repeat("x", 4000)
		entries = append(entries, node.About(node.Artifact(t, shape, "x/large", piece("", text)), shape.Selected, "large"))
	}
	entries = append(entries, node.About(node.Artifact(t, shape, "x/little", piece("", "x")), shape.Selected, "little"))
	shape = node.Attach(t, shape, entries...)
	p, name := pulled(t, shape)
	p.fails(1, []string{"large " + entries[2].Digest.String() + " was not fetched", "large " + entries[3].Digest.String(), "max_bytes_total is 12000", "2 of 5"},
		"fetch", "--max-bytes-total", "12000", name)
	for number, entry := range entries {
		if want := number < 2 || number == 4; p.Has(p.ctx, entry.Digest) != want {
			t.Errorf("reference %d is here: %v", number, !want)
		}
	}
	p.succeeds("fetch", "--max-bytes-total", "0", name)
	for number, entry := range entries {
		if !p.Has(p.ctx, entry.Digest) {
			t.Errorf("without a limit reference %d was not fetched", number)
		}
	}
}

func TestFetchRefusesOverAThousandReferences(t *testing.T) {
	limit := int(native.DefaultLimits().FetchedReferences)
	shape := shapes.ByName("multi-platform")
	var entries []ocispec.Descriptor
	for number := range limit + 1 {
		entry := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(fmt.Sprint(number)), Size: 1}
		entries = append(entries, node.About(entry, shape.Selected, fmt.Sprintf("type-%d", number%2)))
	}
	p, name := pulled(t, node.Attach(t, shape, entries...))
	p.fails(1, []string{fmt.Sprint(limit + 1), fmt.Sprintf("limit of %d", limit)}, "fetch", name)
	if p.requests() != 0 {
		t.Errorf("%d requests", p.requests())
	}
	// Narrowed down it is tried.
	p.fails(1, []string{"references were not fetched"}, "fetch", "--type", "type-1", name)
	if p.requests() == 0 {
		t.Error("nothing was asked for")
	}
}

// The registry is the one of the image's name. A name that has none must not become a request to some default one.
func TestFetchNeedsAnImageNameThatSaysWhichRegistry(t *testing.T) {
	shape := shapes.ByName("images-first")
	p, name := pulled(t, shape)
	record := p.Image(p.ctx, t, name)
	for _, strange := range []string{"busybox", "library/busybox:latest", "sha256:0123", digest.FromString("an image's id, as CRI names it").String(), "not a name", "sha256/x"} {
		if _, err := p.Images.Create(p.ctx, images.Image{Name: strange, Target: record.Target, Labels: record.Labels}); err != nil {
			t.Fatal(err)
		}
		p.fails(1, []string{"does not say which registry"}, "fetch", strange)
	}
	if p.requests() != 0 {
		t.Errorf("asked for %v", p.asked)
	}
}
