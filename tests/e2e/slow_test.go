// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// TestSlowLayersHoldUpNobodyElse: an image lists a layer that others have, too, and another only says that its layer is that one when it is
// unpacked. Their registries send a byte, and no more. Whoever pulls what is honest gets it meanwhile; containerd alone waits
// (plugin/transfer shows it).
func TestSlowLayersHoldUpNobodyElse(t *testing.T) {
	shape := byName(t, "artifact-first-same-platform")
	layer := partsOf(shape)["layer"]
	disguised, other := withOtherLayer(t, shape, layer)
	for name, with := range map[string]starter{"containerd-refract": harness.StartRefract, "refractd": harness.StartBehindRefractd} {
		for what, hostile := range map[string]struct {
			shape shapes.Shape
			slow  digest.Digest
		}{"its digest": {shape, layer}, "its content": {disguised, other}} {
			t.Run(name+", "+what, func(t *testing.T) {
				daemon := start(t, with, harness.Config{})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				server, slow := ownRegistry(t, hostile.shape)
				asked := make(chan registry.Target, 1)
				never := make(chan struct{})
				stall := registry.Stall(hostile.shape.Blobs[hostile.slow], 1, never)
				server.Inject(registry.OnGet(hostile.slow, func(w http.ResponseWriter, r *http.Request, target registry.Target) bool {
					asked <- target
					return stall(w, r, target)
				}))
				ended := make(chan error, 1)
				go func() {
					_, err := daemon.CRIPull(ctx, slow)
					ended <- err
				}()
				select {
				case <-asked:
				case err := <-ended:
					t.Fatalf("what is slow was pulled: %v", err)
				}
				_, honest := ownRegistry(t, shape)
				if _, err := daemon.CRIPull(t.Context(), honest); err != nil {
					t.Fatal(err)
				}
				select {
				case err := <-ended:
					t.Errorf("the slow pull has ended: %v", err)
				default:
				}
				cancel()
				if err := <-ended; err == nil {
					t.Error("what never came was pulled")
				}
				if err := daemon.CRIRemove(t.Context(), honest); err != nil {
					t.Fatal(err)
				}
				nothingStays(t, daemon, criNamespace)
			})
		}
	}
}

// withOtherLayer is a shape whose image has another layer in place of one, and says in its config that it is that one.
func withOtherLayer(t *testing.T, shape shapes.Shape, layer digest.Digest) (shapes.Shape, digest.Digest) {
	t.Helper()
	var manifest ocispec.Manifest
	if err := json.Unmarshal(shape.Blobs[shape.Selected], &manifest); err != nil {
		t.Fatal(err)
	}
	shape.Blobs, shape.MediaTypes = maps.Clone(shape.Blobs), maps.Clone(shape.MediaTypes)
	var other ocispec.Descriptor
	for i, one := range manifest.Layers {
		if one.Digest == layer {
			other = node.Blob(shape, one.MediaType, append([]byte("not "), shape.Blobs[layer]...))
			manifest.Layers[i] = other
		}
	}
	raw, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	described := node.Blob(shape, ocispec.MediaTypeImageManifest, raw)
	shape.MediaTypes[described.Digest] = described.MediaType
	return node.Change(t, shape, func(index *ocispec.Index) {
		for i := range index.Manifests {
			if entry := &index.Manifests[i]; entry.Digest == shape.Selected {
				entry.Digest, entry.Size = described.Digest, described.Size
			}
		}
	}), other.Digest
}
