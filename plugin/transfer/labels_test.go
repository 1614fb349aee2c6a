// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/transfer/image"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/policy"
	nodes "github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

// wide is a shape whose index has so many entries: behind its own, manifests that are nowhere and of another platform.
func wide(shape shapes.Shape, entries int) shapes.Shape {
	return shape.WithRoot(func(index *ocispec.Index) {
		for number := len(index.Manifests); number < entries; number++ {
			index.Manifests = append(index.Manifests, ocispec.Descriptor{
				MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(fmt.Sprint("entry ", number)), Size: 2,
				Platform: &ocispec.Platform{OS: "linux", Architecture: "s390x"},
			})
		}
	})
}

// labelled are the digests by which a document's labels keep others.
func labelled(t *testing.T, info map[string]string) map[digest.Digest]bool {
	t.Helper()
	kept := map[digest.Digest]bool{}
	for label, value := range info {
		if strings.HasPrefix(label, "containerd.io/gc.ref.content") {
			kept[digest.Digest(value)] = true
		}
	}
	return kept
}

// Each label is written while every other client of the node waits: ten thousand of them for one image that is pulled.
func TestOnlyWhatIsFollowedIsLabelled(t *testing.T) {
	shape := wide(shapes.ByName("artifact-first-same-platform"), int(native.DefaultLimits().Entries))
	ctx, node := newNode(t)
	name := serve(t, shape, nil).name(":latest")
	if err := node.pull(ctx, name, policy.Default()); err != nil {
		t.Fatal(err)
	}
	info, err := node.Content.Info(ctx, shape.Root.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if kept := labelled(t, info.Labels); len(kept) != 1 || !kept[shape.Selected] {
		t.Errorf("the index keeps %d, want the selected manifest alone", len(kept))
	}
	node.collect(ctx, t)
	if !node.has(ctx, shape.Selected) {
		t.Error("the selected manifest was collected")
	}
}

// Of more entries than containerd follows itself no one is looked at, and nothing of the image stays.
func TestMoreEntriesThanTheLimitAreRefused(t *testing.T) {
	shape := wide(shapes.ByName("artifact-first-same-platform"), int(native.DefaultLimits().Entries)+1)
	ctx, node := newNode(t)
	name := serve(t, shape, nil).name(":latest")
	err := node.pull(ctx, name, policy.Default())
	if status, _ := native.StatusOf(err); status != native.StatusLimitExceeded || !strings.Contains(err.Error(), "10001 entries") {
		t.Fatalf("error %v", err)
	}
	node.collect(ctx, t)
	if node.has(ctx, shape.Root.Digest) {
		t.Error("the index is still there")
	}
}

// Layers are labelled, too: of more than containerd would follow of a manifest none is.
func TestMoreLayersThanTheLimitAreRefused(t *testing.T) {
	for _, name := range []string{"single-manifest", "images-first"} {
		shape := shapes.ByName(name)
		raw, err := json.Marshal(many(t, shape, int(native.DefaultLimits().Entries)+1))
		if err != nil {
			t.Fatal(err)
		}
		manifest := nodes.Blob(shape, ocispec.MediaTypeImageManifest, raw)
		shape.MediaTypes[manifest.Digest] = manifest.MediaType
		if name == "single-manifest" {
			shape.Root = manifest
		} else {
			manifest.Platform = &amd64
			shape = shape.WithRoot(func(index *ocispec.Index) { index.Manifests = []ocispec.Descriptor{manifest} })
		}
		ctx, node := newNode(t)
		err = node.pull(ctx, serve(t, shape, nil).name(":latest"), policy.Default())
		if status, _ := native.StatusOf(err); status != native.StatusLimitExceeded || !strings.Contains(err.Error(), "layers: has 10001 entries") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// many is the selected image's manifest with so many layers.
func many(t *testing.T, shape shapes.Shape, layers int) ocispec.Manifest {
	t.Helper()
	var manifest ocispec.Manifest
	if err := json.Unmarshal(shape.Blobs[cmp.Or(shape.Selected, shape.Root.Digest)], &manifest); err != nil {
		t.Fatal(err)
	}
	for number := len(manifest.Layers); number < layers; number++ {
		layer := manifest.Layers[0]
		layer.Digest = digest.FromString(fmt.Sprint("layer ", number))
		manifest.Layers = append(manifest.Layers, layer)
	}
	return manifest
}

// Labels are numbered: a pull for another platform takes no number that an earlier one has given.
func TestPullsOfTwoPlatformsKeepBoth(t *testing.T) {
	shape := shapes.ByName("multi-platform")
	var kept []digest.Digest
	ctx, node := newNode(t)
	registry := serve(t, shape, nil)
	for _, architecture := range []string{"amd64", "arm64"} {
		platform := ocispec.Platform{OS: "linux", Architecture: architecture}
		if err := node.pull(ctx, registry.name(":latest"), policy.Default(), image.WithPlatforms(platform)); err != nil {
			t.Fatal(err)
		}
	}
	info, err := node.Content.Info(ctx, shape.Root.Digest)
	if err != nil {
		t.Fatal(err)
	}
	for d := range labelled(t, info.Labels) {
		kept = append(kept, d)
	}
	if len(kept) != 2 {
		t.Errorf("the index keeps %v, want both images", kept)
	}
	node.collect(ctx, t)
	for _, d := range kept {
		if !node.has(ctx, d) {
			t.Errorf("%s was collected", d)
		}
	}
}
