// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package references_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.uber.org/goleak"

	"github.com/refract-oci/refract/plugin/imagelabels"
	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/references"
	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What a shape's author expects to be attached is listed after a pull, in order, from the store alone.
func TestEveryPulledShapeIsListedAsItsAuthorExpects(t *testing.T) {
	for _, shape := range shapes.EndToEnd() {
		if shape.Output == "" {
			continue // refused: there is nothing to list
		}
		t.Run(shape.Name, func(t *testing.T) {
			ctx, here := node.New(t)
			server := node.Serve(t, shape)
			image := here.Pull(ctx, t, node.Name(server, shape))
			if err := server.Close(); err != nil {
				t.Fatal(err)
			}
			listing, err := references.List(ctx, here.Content, image)
			if err != nil {
				t.Fatal(err)
			}
			if listing.Image != image.Name || listing.Target.Digest != image.Target.Digest {
				t.Errorf("listing of %q, target %s", listing.Image, listing.Target.Digest)
			}
			if strings.HasPrefix(shape.Name, "single-") {
				if listing.Root.Digest != "" || len(listing.References) != 0 || len(listing.Tree) != 0 {
					t.Errorf("of a single manifest: %+v", listing)
				}
				return
			}
			if listing.Root.Digest != shape.Root.Digest || listing.Root.Size != shape.Root.Size || listing.Root.MediaType != shape.Root.MediaType {
				t.Errorf("root %+v, want %+v", listing.Root, shape.Root)
			}
			if shape.Expect.UnreadIndexes != nil && listing.UnreadIndexes != *shape.Expect.UnreadIndexes {
				t.Errorf("%d unread indexes, want %d", listing.UnreadIndexes, *shape.Expect.UnreadIndexes)
			}
			if selected := selectedOf(listing); !slices.Equal(selected, []digest.Digest{shape.Selected}) {
				t.Errorf("selected in the tree: %v, want %s", selected, shape.Selected)
			}
			compare(t, listing, shape.Expect.References)
			compareTree(t, listing)
		})
	}
}

// compare holds a listing against what was expected by hand; fields that were left empty are not compared.
func compare(t *testing.T, listing *references.Listing, expected []shapes.Reference) {
	t.Helper()
	if expected == nil {
		return
	}
	if len(listing.References) != len(expected) {
		t.Fatalf("%d references, want %d", len(listing.References), len(expected))
	}
	for i, want := range expected {
		got := listing.References[i]
		for what, pair := range map[string][2]string{
			"digest": {got.Descriptor.Digest.String(), want.Digest.String()}, "subject": {got.Subject.String(), want.Subject.String()},
			"malformed": {got.Malformed, want.Malformed}, "type": {got.Type, want.Type}, "description": {got.Description, want.Description},
			"weak": {got.Weak.String(), want.Weak}, "annotation": {got.Annotation, want.Annotation},
		} {
			if pair[1] != "" && pair[0] != pair[1] {
				t.Errorf("reference %d: %s %q, want %q", i, what, pair[0], pair[1])
			}
		}
		if want.Sources != nil && !slices.Equal(got.Sources.Names(), want.Sources) {
			t.Errorf("reference %d: sources %v, want %v", i, got.Sources.Names(), want.Sources)
		}
		// A pull fetches nothing that is attached; what annotations hold comes with the index.
		present := native.No
		if want.Annotation != "" {
			present = native.Yes
			if got.Value == "" {
				t.Errorf("reference %d has no value", i)
			}
		}
		if got.Present != present {
			t.Errorf("reference %d is present: %s, want %s", i, got.Present, present)
		}
	}
}

// compareTree checks what holds of every tree: it begins at the root, goes down one step at a time, and shows each reference.
func compareTree(t *testing.T, listing *references.Listing) {
	t.Helper()
	shown := map[int]bool{}
	depth := -1
	for i, line := range listing.Tree {
		if line.Depth > depth+1 || line.Depth < 0 || (line.Depth == 0) != (i == 0) {
			t.Errorf("line %d is at depth %d, after %d", i, line.Depth, depth)
		}
		depth = line.Depth
		if line.Reference >= 0 {
			shown[line.Reference] = true
		}
	}
	if len(shown) != len(listing.References) {
		t.Errorf("the tree shows %d references of %d", len(shown), len(listing.References))
	}
}

func selectedOf(listing *references.Listing) []digest.Digest {
	var selected []digest.Digest
	for _, line := range listing.Tree {
		if line.Flags&native.NodeSelected != 0 && !slices.Contains(selected, line.Descriptor.Digest) {
			selected = append(selected, line.Descriptor.Digest)
		}
	}
	return selected
}

// The image that the record points at is the selected one, also where another machine's was pulled.
func TestSelectedIsWhatWasPulledNotWhatThisMachineWouldPull(t *testing.T) {
	shape := shapes.ByName("images-first")
	other := ocispec.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}
	ctx, here := node.New(t)
	image := here.Pull(ctx, t, node.Name(node.Serve(t, shape), shape), other)
	if image.Target.Digest == shape.Root.Digest {
		t.Fatal("the record points at the index, so it does not tell which image was pulled")
	}
	listing, err := references.List(ctx, here.Content, image)
	if err != nil {
		t.Fatal(err)
	}
	if selected := selectedOf(listing); !slices.Equal(selected, []digest.Digest{image.Target.Digest}) || selected[0] == shape.Selected {
		t.Errorf("selected %v, want %s", selected, image.Target.Digest)
	}
	compare(t, listing, shape.Expect.References)
}

// The record says which image it is. That cannot be found again where the image's config is gone, and it is not another one then.
func TestSelectedIsTheRecordsImageAlsoWithoutItsConfig(t *testing.T) {
	shape := shapes.ByName("images-first")
	ctx, here := node.New(t)
	image := here.Pull(ctx, t, node.Name(node.Serve(t, shape), shape))
	here.Drop(ctx, t, shape.Configs[shape.Selected])
	listing, err := references.List(ctx, here.Content, image)
	if err != nil {
		t.Fatal(err)
	}
	if selected := selectedOf(listing); !slices.Equal(selected, []digest.Digest{shape.Selected}) {
		t.Errorf("selected %v, want %s", selected, shape.Selected)
	}
	compare(t, listing, shape.Expect.References)
}

// A pull stops at its image. A listing goes on through what was pulled otherwise, and still knows which image it was.
func TestListingReadsNestedIndexesThatAPullDidNotNeed(t *testing.T) {
	shape := shapes.ByName("match-first-then-nested")
	ctx, here := node.New(t)
	image := here.Pull(ctx, t, node.Name(node.Serve(t, shape), shape))
	var nested digest.Digest
	for d, mediaType := range shape.MediaTypes {
		if mediaType == ocispec.MediaTypeImageIndex && d != shape.Root.Digest {
			nested = d
		}
	}
	before, err := references.List(ctx, here.Content, image)
	if err != nil || before.UnreadIndexes != 1 {
		t.Fatalf("listing %+v, %v", before, err)
	}
	write(ctx, t, here, ocispec.MediaTypeImageIndex, shape.Blobs[nested])
	after, err := references.List(ctx, here.Content, image)
	if err != nil || after.UnreadIndexes != 0 {
		t.Fatalf("listing %+v, %v", after, err)
	}
	if len(after.Tree) != len(before.Tree)+1 {
		t.Errorf("%d lines, before %d", len(after.Tree), len(before.Tree))
	}
	if selected := selectedOf(after); !slices.Equal(selected, []digest.Digest{shape.Selected}) {
		t.Errorf("selected %v", selected)
	}
}

// The record's label wins over its target, and names nothing that the store must not be asked for.
func TestRootIsTheRecordedIndexElseTheTarget(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	ctx, here := node.New(t)
	pulled := here.Pull(ctx, t, node.Name(node.Serve(t, shape), shape))
	index := ocispec.Descriptor{MediaType: shape.Root.MediaType, Digest: shape.Root.Digest, Size: shape.Root.Size}
	manifest := pulled.Target
	cases := []struct {
		name  string
		image images.Image
		root  digest.Digest
	}{
		{"label", images.Image{Target: manifest, Labels: map[string]string{imagelabels.IndexLabel: shape.Root.Digest.String()}}, shape.Root.Digest},
		{"label and target", images.Image{Target: index, Labels: map[string]string{imagelabels.IndexLabel: shape.Root.Digest.String()}}, shape.Root.Digest},
		{"target", images.Image{Target: index}, shape.Root.Digest},
		{"neither", images.Image{Target: manifest}, ""},
		{"malformed label", images.Image{Target: manifest, Labels: map[string]string{imagelabels.IndexLabel: "sha256:../../x"}}, ""},
	}
	for _, c := range cases {
		listing, err := references.List(ctx, here.Content, c.image)
		if err != nil || listing.Root.Digest != c.root {
			t.Errorf("%s: root %s, %v, want %q", c.name, listing.Root.Digest, err, c.root)
			continue
		}
		if want := c.root != ""; (len(listing.References) == 1) != want {
			t.Errorf("%s: references %v", c.name, listing.References)
		}
	}
}

func TestIndexThatIsGoneOrSpoiledIsAnErrorThatNamesIt(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	cases := []struct {
		name  string
		do    func(context.Context, *testing.T, *node.Node)
		words []string
		kind  func(error) bool
	}{
		{"gone", func(ctx context.Context, t *testing.T, here *node.Node) {
			here.Drop(ctx, t, shape.Root.Digest)
		}, []string{"pull the image again"}, errdefs.IsNotFound},
		{"other bytes of its size", func(_ context.Context, t *testing.T, here *node.Node) {
			here.Spoil(t, shape.Root.Digest, make([]byte, shape.Root.Size))
		}, []string{"digest"}, errdefs.IsDataLoss},
		{"longer", func(_ context.Context, t *testing.T, here *node.Node) {
			here.Spoil(t, shape.Root.Digest, append(slices.Clone(shape.Blobs[shape.Root.Digest]), ' '))
		}, []string{"size"}, errdefs.IsDataLoss},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ctx, here := node.New(t)
			image := here.Pull(ctx, t, node.Name(node.Serve(t, shape), shape))
			c.do(ctx, t, here)
			listing, err := references.List(ctx, here.Content, image)
			if !c.kind(err) {
				t.Fatalf("listing %v, error %v", listing, err)
			}
			for _, word := range append(c.words, image.Name, shape.Root.Digest.String()) {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not have %q", err, word)
				}
			}
		})
	}
}
