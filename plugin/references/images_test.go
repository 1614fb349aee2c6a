// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package references_test

import (
	"slices"
	"testing"

	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/references"
	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

// An artifact of the same platform with an image's config precedes the image: only what is an image counts as one.
func TestImagesOfAnIndexAreThoseThatAreHereAndProven(t *testing.T) {
	shape := shapes.ByName("artifact-with-image-config")
	ctx, here := node.New(t)
	here.Pull(ctx, t, node.Name(node.Serve(t, shape), shape))
	for d, raw := range shape.Blobs {
		if shape.MediaTypes[d] != "" {
			write(ctx, t, here, shape.MediaTypes[d], raw)
		}
	}
	found, err := references.Images(ctx, here.Content, shape.Root)
	if err != nil || len(found) != 1 {
		t.Fatalf("found %v, %v", found, err)
	}
	if found[0].Manifest.Digest != shape.Selected || found[0].Config != shape.Configs[shape.Selected] || found[0].Manifest.Platform == nil {
		t.Errorf("found %+v", found[0])
	}
}

func TestImagesOfAllPlatformsThatWerePulled(t *testing.T) {
	shape := shapes.ByName("images-first")
	other := ocispec.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}
	ctx, here := node.New(t)
	here.Pull(ctx, t, node.Name(node.Serve(t, shape), shape), platforms.DefaultSpec(), other)
	found, err := references.Images(ctx, here.Content, shape.Root)
	if err != nil {
		t.Fatal(err)
	}
	var digests, want []digest.Digest
	for _, one := range found {
		digests = append(digests, one.Manifest.Digest)
	}
	for image := range shape.Configs {
		want = append(want, image)
	}
	slices.Sort(digests)
	slices.Sort(want)
	if !slices.Equal(digests, want) {
		t.Errorf("found %v, want %v", digests, want)
	}
}
