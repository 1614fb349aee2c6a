// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"maps"
	"testing"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/e2e/harness"
)

// TestRootServedAsSomethingElse: an index or a manifest that a registry serves as JSON, text, bytes, or the other of both, is pulled
// and runs; the record says what it is.
func TestRootServedAsSomethingElse(t *testing.T) {
	for name, types := range map[string][]string{
		"artifact-first-same-platform": {"application/json", "text/plain", "application/octet-stream", ocispec.MediaTypeImageManifest, images.MediaTypeDockerSchema2ManifestList},
		"single-manifest":              {"application/json", "text/plain", "application/octet-stream", ocispec.MediaTypeImageIndex, images.MediaTypeDockerSchema2Manifest},
	} {
		shape := byName(t, name)
		for _, mediaType := range types {
			served := shape
			served.MediaTypes = maps.Clone(shape.MediaTypes)
			served.MediaTypes[shape.Root.Digest] = mediaType
			for _, way := range append(ways, "refractd") {
				_, image := ownRegistry(t, served)
				lazy, pulled := &shared.refract, way
				if way == "refractd" {
					lazy, pulled = &shared.behind, "cri"
					behindDaemon(t)
				} else {
					refractDaemon(t)
				}
				if err := pull(t.Context(), lazy.daemon, pulled, image); err != nil {
					t.Errorf("%s served as %q, %s: %v", name, mediaType, way, err)
					continue
				}
				output, err := run(t.Context(), lazy, pulled, image)
				if err != nil || output != shape.Output {
					t.Errorf("%s served as %q, %s: it printed %q, want %q, %v", name, mediaType, way, output, shape.Output, err)
				}
				recordedAsManifest(t, lazy.daemon, namespaceOf(pulled), image)
				if err := remove(t.Context(), lazy.daemon, pulled, image); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// recordedAsManifest looks at a record whose target must be a manifest.
func recordedAsManifest(t *testing.T, daemon *harness.Daemon, namespace, image string) {
	t.Helper()
	record, err := daemon.Client.ImageService().Get(namespaces.WithNamespace(t.Context(), namespace), image)
	if err != nil || !images.IsManifestType(record.Target.MediaType) {
		t.Errorf("recorded as %q, %v", record.Target.MediaType, err)
	}
}
