// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/shapes"
)

// TestLayout reads back what an image layout must hold.
func TestLayout(t *testing.T) {
	dir := t.TempDir()
	shape, _ := shapes.EverySource()
	if err := shape.WriteLayout(dir, "v1"); err != nil {
		t.Fatal(err)
	}
	var index ocispec.Index
	var layout ocispec.ImageLayout
	for name, into := range map[string]any{ocispec.ImageIndexFile: &index, ocispec.ImageLayoutFile: &layout} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if layout.Version != ocispec.ImageLayoutVersion {
		t.Errorf("version %q", layout.Version)
	}
	tagged, untagged := map[string]digest.Digest{}, 0
	for _, entry := range index.Manifests {
		if tag := entry.Annotations[ocispec.AnnotationRefName]; tag != "" {
			tagged[tag] = entry.Digest
		} else {
			untagged++
		}
		if entry.MediaType != shape.MediaTypes[entry.Digest] || entry.Size != int64(len(shape.Blobs[entry.Digest])) {
			t.Errorf("entry %v", entry)
		}
	}
	if tagged["v1"] != shape.Root.Digest || len(tagged) != 1+len(shape.DigestTags) || untagged != 5 {
		t.Errorf("tags %v, and %d entries without one", tagged, untagged)
	}
	for d := range shape.Blobs {
		content, err := os.ReadFile(filepath.Join(dir, "blobs", d.Algorithm().String(), d.Encoded()))
		if err != nil || digest.FromBytes(content) != d {
			t.Errorf("blob %s: %v", d, err)
		}
	}
}
