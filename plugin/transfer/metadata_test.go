// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"encoding/json"
	"testing"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/transfer"
	nodes "github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

// With all metadata, of a platform that the host could run, too, the client gets manifest and config, and no layer.
func TestClientTakesNoLayersOfLowerPlatforms(t *testing.T) {
	shape := shapes.Shape{Name: "lower-platform", Blobs: map[digest.Digest][]byte{}, MediaTypes: map[digest.Digest]string{}}
	document := func(mediaType string, content any) ocispec.Descriptor {
		raw, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		described := nodes.Blob(shape, mediaType, raw)
		shape.MediaTypes[described.Digest] = mediaType
		return described
	}
	type image struct{ manifest, config, layer ocispec.Descriptor }
	made := func(architecture string) image {
		platform := ocispec.Platform{OS: "linux", Architecture: architecture}
		layer := nodes.Blob(shape, ocispec.MediaTypeImageLayer, []byte("layer for "+architecture))
		raw, err := json.Marshal(ocispec.Image{Platform: platform, RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}}})
		if err != nil {
			t.Fatal(err)
		}
		config := nodes.Blob(shape, ocispec.MediaTypeImageConfig, raw)
		manifest := document(ocispec.MediaTypeImageManifest, ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2},
			MediaType: ocispec.MediaTypeImageManifest, Config: config, Layers: []ocispec.Descriptor{layer}})
		manifest.Platform = &platform
		return image{manifest, config, layer}
	}
	lower, right := made("386"), made("amd64")
	shape.Root = document(ocispec.MediaTypeImageIndex, ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{lower.manifest, right.manifest}})
	ctx, node := newNode(t)
	name := serve(t, shape, nil).name(":latest")
	if _, err := node.client(t).Pull(ctx, name, containerd.WithResolver(newResolver()), containerd.WithPlatform("linux/amd64"),
		containerd.WithAllMetadata(), transfer.WithExtendedIndexes(policy.Default())); err != nil {
		t.Fatal(err)
	}
	if target := node.get(ctx, t, name).Target.Digest; target != shape.Root.Digest {
		t.Errorf("target %s, want the index", target)
	}
	for _, there := range []ocispec.Descriptor{lower.manifest, lower.config, right.manifest, right.config, right.layer} {
		if !node.has(ctx, there.Digest) {
			t.Errorf("%s %s is not there", there.MediaType, there.Digest)
		}
	}
	if node.has(ctx, lower.layer.Digest) {
		t.Error("the layer of the other platform was fetched")
	}
}
