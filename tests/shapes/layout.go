// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// WriteLayout makes a folder an OCI image layout that holds the shape: its root under the tags, its digest tags, and what has a
// subject without any tag, as other tools write referrers. What a registry would not have is not there either.
func (s Shape) WriteLayout(dir string, tags ...string) error {
	for d, content := range s.Blobs {
		if s.Absent[d] {
			continue
		}
		// A digest is a path here.
		if err := d.Validate(); err != nil {
			return fmt.Errorf("layout of %s: %s: %w", s.Name, d, err)
		}
		if err := writeFile(content, dir, ocispec.ImageBlobsDir, d.Algorithm().String(), d.Encoded()); err != nil {
			return err
		}
	}
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{}}
	for _, tag := range tags {
		index.Manifests = append(index.Manifests, annotate(s.describe(s.Root.Digest), ocispec.AnnotationRefName, tag))
	}
	for _, tag := range slices.Sorted(maps.Keys(s.DigestTags)) {
		index.Manifests = append(index.Manifests, annotate(s.describe(s.DigestTags[tag]), ocispec.AnnotationRefName, tag))
	}
	for _, d := range s.Manifests {
		var manifest ocispec.Manifest
		if json.Unmarshal(s.Blobs[d], &manifest) == nil && manifest.Subject != nil && !s.Absent[d] {
			index.Manifests = append(index.Manifests, typed(s.describe(d), manifest.ArtifactType))
		}
	}
	if err := writeFile(encode(index), dir, ocispec.ImageIndexFile); err != nil {
		return err
	}
	return writeFile(encode(ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion}), dir, ocispec.ImageLayoutFile)
}

func (s Shape) describe(d digest.Digest) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: s.MediaTypes[d], Digest: d, Size: int64(len(s.Blobs[d]))}
}

func writeFile(content []byte, path ...string) error {
	file := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o644)
}
