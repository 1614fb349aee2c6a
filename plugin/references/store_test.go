// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package references_test

import (
	"bytes"
	"context"
	"io"
	"slices"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/references"
	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

// write puts bytes into a node's store.
func write(ctx context.Context, t *testing.T, here *node.Node, mediaType string, raw []byte) ocispec.Descriptor {
	t.Helper()
	desc := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if err := content.WriteBlob(ctx, here.Content, desc.Digest.String(), bytes.NewReader(raw), desc); err != nil {
		t.Fatal(err)
	}
	return desc
}

// record makes an image record of a shape whose root alone is here, as after a pull that fetched nothing else.
func record(ctx context.Context, t *testing.T, here *node.Node, shape shapes.Shape) images.Image {
	t.Helper()
	image := images.Image{Name: "127.0.0.1:1/" + shape.Name + ":latest", Target: write(ctx, t, here, shape.Root.MediaType, shape.Blobs[shape.Root.Digest])}
	made, err := here.Images.Create(ctx, image)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// fetcher serves a shape's content, and counts what it is asked for.
type fetcher struct {
	shape shapes.Shape
	asked chan digest.Digest
}

func serving(shape shapes.Shape) *fetcher { return &fetcher{shape, make(chan digest.Digest, 1<<16)} }

var _ remotes.Fetcher = (*fetcher)(nil)

func (f *fetcher) Fetch(_ context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	f.asked <- desc.Digest
	raw, ok := f.shape.Blobs[desc.Digest]
	if !ok || f.shape.Absent[desc.Digest] {
		return nil, errdefs.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(raw)), nil
}

func list(ctx context.Context, t *testing.T, here *node.Node, image images.Image) *references.Listing {
	t.Helper()
	listing, err := references.List(ctx, here.Content, image)
	if err != nil {
		t.Fatal(err)
	}
	return listing
}

// ofDigest finds what a listing says of an artifact.
func ofDigest(t *testing.T, listing *references.Listing, d digest.Digest) references.Reference {
	t.Helper()
	for _, reference := range listing.References {
		if reference.Descriptor.Digest == d {
			return reference
		}
	}
	t.Fatalf("%s is not listed", d)
	return references.Reference{}
}

// parts are an artifact's manifest, its config and its layers, in this order and each once.
func parts(t *testing.T, shape shapes.Shape, artifact digest.Digest) []digest.Digest {
	t.Helper()
	manifest, err := native.ReadManifest(artifact.String(), shape.Blobs[artifact])
	if err != nil {
		t.Fatal(err)
	}
	all := []digest.Digest{artifact, manifest.Config.Digest}
	for _, layer := range manifest.Layers {
		if !slices.Contains(all, layer.Digest) {
			all = append(all, layer.Digest)
		}
	}
	return all
}
