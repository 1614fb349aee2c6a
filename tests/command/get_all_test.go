// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// withIndex is an image with an SBOM, and with an index that is about it.
func withIndex(t *testing.T) (shape shapes.Shape, bundle ocispec.Descriptor) {
	t.Helper()
	shape, artifact := attached(t, text("sbom.json", "an SBOM"))
	content := []byte(`{"schemaVersion":2,"mediaType":"` + ocispec.MediaTypeImageIndex + `","artifactType":"application/vnd.example.bundle","manifests":[{"mediaType":"` +
		ocispec.MediaTypeImageManifest + `","digest":"` + artifact.String() + `","size":` + strconv.Itoa(len(shape.Blobs[artifact])) + `}]}`)
	bundle = node.Blob(shape, ocispec.MediaTypeImageIndex, content)
	shape.MediaTypes[bundle.Digest] = bundle.MediaType
	bundle.ArtifactType = "application/vnd.example.bundle"
	return node.Attach(t, shape, node.About(bundle, shape.Selected, "bundle")), bundle
}

// TestGetOfAnIndexWritesItsDocument: to the standard output, into a file, as the manifest, and beside others.
func TestGetOfAnIndexWritesItsDocument(t *testing.T) {
	shape, bundle := withIndex(t)
	want := string(shape.Blobs[bundle.Digest])
	for _, from := range everywhere(t, shape) {
		p := newPlace(t)
		for _, options := range [][]string{nil, {"--manifest"}, {"--layer", "0"}, {"--layer", bundle.Digest.String()[:15]}} {
			if got := p.prints(append([]string{"references", "get", "--type", "bundle", from.image}, options...)...); got != want {
				t.Errorf("%s: %q: %q, want %q", from.name, options, got, want)
			}
		}
		p.prints("references", "get", "--all", "-o", "all", from.image)
		p.has(map[string]string{"all/sbom.json": "an SBOM", "all/" + bundle.Digest.Encoded(): want})
	}
}

// TestGetAllWritesWhatCanBeHad: what cannot does not lose the others, and is told.
func TestGetAllWritesWhatCanBeHad(t *testing.T) {
	shape, bundle := withIndex(t)
	whole := node.Artifact(t, shape, "application/x", text("whole", "whole"))
	cut := node.Artifact(t, shape, "application/x", text("cut", strings.Repeat("content ", 1000)), text("beside", "beside"))
	gone := node.Artifact(t, shape, "application/x", text("gone", "gone"))
	large := node.Artifact(t, shape, "application/x", text("large", "large"))
	unchecked := node.Artifact(t, shape, "application/x", text("unchecked", "unchecked"))
	unchecked.Digest = digest.Digest("blake3:" + strings.Repeat("0123456789abcdef", 4))
	about := func(one ocispec.Descriptor) ocispec.Descriptor { return node.About(one, shape.Selected, "scan") }
	shape = node.Attach(t, shape, about(cut), about(gone), about(large), about(unchecked), about(whole))
	server := node.Serve(t, shape)
	content := []byte(strings.Repeat("content ", 1000))
	faults := []registry.Fault{
		registry.OnGet(digest.FromBytes(content), registry.Body("text/plain", []byte(strings.ToUpper(string(content))))),
		registry.OnGet(gone.Digest, registry.Status(http.StatusNotFound)),
		registry.OnGet(large.Digest, registry.Body(ocispec.MediaTypeImageManifest, []byte(strings.Repeat(" ", 5<<20)))),
	}
	server.Inject(func(w http.ResponseWriter, r *http.Request, target registry.Target) bool {
		return slices.ContainsFunc(faults, func(fault registry.Fault) bool { return fault(w, r, target) })
	})
	p := newPlace(t)
	got := p.run("references", "get", "--all", "--timeout", "5", "-o", "new/all", node.Name(server, shape))
	if got.code != 1 {
		t.Errorf("exit code %d, want 1", got.code)
	}
	p.has(map[string]string{
		"new/all/sbom.json": "an SBOM", "new/all/" + bundle.Digest.Encoded(): string(shape.Blobs[bundle.Digest]), "new/all/whole": "whole", "new/all/beside": "beside",
	})
	if strings.Count(got.out, "\n") != 4 {
		t.Errorf("told %q", got.out)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(got.err, "\n"), "\n")
	if len(lines) != 5 {
		t.Fatalf("%d lines: %s", len(lines), got.err)
	}
	for _, lost := range []string{gone.Digest.String(), large.Digest.String(), unchecked.Digest.String(), digest.FromBytes(content).String(), "4 of what is attached"} {
		if !strings.Contains(got.err, lost) {
			t.Errorf("%s is not told of: %s", lost, got.err)
		}
	}
	for _, line := range lines {
		oneLine(t, strings.TrimSuffix(line, "\n")+"\n")
	}
}

// TestGetAllEndsWhereNothingCanBeWritten: a file in the way is no fault of what is attached.
func TestGetAllEndsWhereNothingCanBeWritten(t *testing.T) {
	shape, _ := withIndex(t)
	p := newPlace(t)
	image := inLayout(t, shape)
	p.prints("references", "get", "--all", "-o", "all", image)
	p.fails(1, []string{"exists", "left alone"}, "references", "get", "--all", "-o", "all", image)
}

// TestLayersAreNamedAsOnNodes: by the beginning of a digest, with its algorithm or without; what reads as a number is one.
func TestLayersAreNamedAsOnNodes(t *testing.T) {
	one, two := "content 1", "content 2"
	shape, _ := attached(t, text("", one), text("", two), text("", one))
	for _, from := range everywhere(t, shape) {
		p := newPlace(t)
		for name, want := range map[string]string{
			"1": two, "001": two, digest.FromString(one).String(): one, digest.FromString(two).String()[:20]: two, digest.FromString(one).Encoded()[:20]: one,
		} {
			if got := p.prints("references", "get", "--type", "sbom", "--layer", name, from.image); got != want {
				t.Errorf("%s: %q: %q, want %q", from.name, name, got, want)
			}
		}
		p.fails(2, []string{"several", `"sha256:"`}, "references", "get", "--type", "sbom", "--layer", "sha256:", from.image)
		for _, name := range []string{"3", "65535", "zz", "sha512:"} {
			p.fails(3, []string{"no layer", `"` + name + `"`, "it has 3"}, "references", "get", "--type", "sbom", "--layer", name, from.image)
		}
	}
}
