// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/shapes"
)

// image is one more image, beside the shapes: a single manifest of this machine's platform.
type image struct {
	name    string
	command []string
	layers  [][]byte // besides busybox: tar archives, not compressed
}

func sandboxImage() shapes.Shape {
	return image{name: "sandbox", command: []string{shapes.Busybox, "tail", "-f", "/dev/null"}}.shape()
}

func (i image) shape() shapes.Shape {
	shape := shapes.Shape{Name: i.name, Blobs: map[digest.Digest][]byte{}, MediaTypes: map[digest.Digest]string{},
		Configs: map[digest.Digest]digest.Digest{}}
	busybox, diffID, err := shapes.Layer()
	if err != nil {
		panic(fmt.Sprintf("e2e: %v", err)) // there is nothing to test with
	}
	config := ocispec.Image{
		Platform: ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH},
		Config:   ocispec.ImageConfig{Cmd: i.command},
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{diffID}},
	}
	var manifest ocispec.Manifest
	manifest.SchemaVersion, manifest.MediaType = 2, ocispec.MediaTypeImageManifest
	manifest.Layers = append(manifest.Layers, add(shape, ocispec.MediaTypeImageLayerGzip, busybox))
	for _, layer := range i.layers {
		added := add(shape, ocispec.MediaTypeImageLayer, layer)
		manifest.Layers = append(manifest.Layers, added)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, added.Digest)
	}
	manifest.Config = add(shape, ocispec.MediaTypeImageConfig, encode(config))
	shape.Root = addDocument(&shape, ocispec.MediaTypeImageManifest, manifest)
	shape.Root.Platform = &config.Platform
	shape.Selected = shape.Root.Digest
	shape.Configs[shape.Root.Digest] = manifest.Config.Digest
	return shape
}

func encode(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("e2e: %v", err)) // only what a test's author wrote can do that
	}
	return text
}

func add(shape shapes.Shape, mediaType string, content []byte) ocispec.Descriptor {
	described := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(content), Size: int64(len(content))}
	shape.Blobs[described.Digest] = content
	return described
}

func addDocument(shape *shapes.Shape, mediaType string, document any) ocispec.Descriptor {
	described := add(*shape, mediaType, encode(document))
	shape.MediaTypes[described.Digest] = mediaType
	shape.Manifests = append(shape.Manifests, described.Digest)
	return described
}
