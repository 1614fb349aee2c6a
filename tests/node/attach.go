// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"encoding/json"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// Serve starts a registry that has shapes, each in a repository of its own name under the tag latest.
func Serve(t testing.TB, all ...shapes.Shape) *registry.Server {
	t.Helper()
	server, err := registry.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	for _, shape := range all {
		server.Add(shape.Name, shape, "latest")
	}
	return server
}

// Name is what to pull a shape by.
func Name(server *registry.Server, shape shapes.Shape) string {
	return server.Host() + "/" + shape.Name + ":latest"
}

// Piece is a layer of an artifact.
type Piece struct {
	MediaType, Title string
	Content          []byte
}

// Blob adds bytes to a shape, and describes them.
func Blob(shape shapes.Shape, mediaType string, bytes []byte) ocispec.Descriptor {
	described := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(bytes), Size: int64(len(bytes))}
	shape.Blobs[described.Digest] = bytes
	return described
}

// Artifact adds an artifact to a shape. No index lists it yet.
func Artifact(t testing.TB, shape shapes.Shape, artifactType string, pieces ...Piece) ocispec.Descriptor {
	t.Helper()
	manifest := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: artifactType,
		Config: Blob(shape, ocispec.MediaTypeEmptyJSON, []byte("{}")), Layers: []ocispec.Descriptor{},
	}
	for _, piece := range pieces {
		layer := Blob(shape, piece.MediaType, piece.Content)
		if piece.Title != "" {
			layer.Annotations = map[string]string{ocispec.AnnotationTitle: piece.Title}
		}
		manifest.Layers = append(manifest.Layers, layer)
	}
	described := Blob(shape, manifest.MediaType, encode(t, manifest))
	shape.MediaTypes[described.Digest] = manifest.MediaType
	return described
}

// About makes an entry say what it is about, as Proposal F has it.
func About(entry ocispec.Descriptor, subject digest.Digest, referenceType string) ocispec.Descriptor {
	entry.Annotations = map[string]string{
		"org.opencontainers.reference.digest": subject.String(), "org.opencontainers.reference.type": referenceType,
	}
	return entry
}

// Attach returns a shape whose root lists further entries, behind those that it has.
func Attach(t testing.TB, shape shapes.Shape, entries ...ocispec.Descriptor) shapes.Shape {
	t.Helper()
	return Change(t, shape, func(index *ocispec.Index) { index.Manifests = append(index.Manifests, entries...) })
}

// Change returns a shape with another root, made from its own.
func Change(t testing.TB, shape shapes.Shape, change func(*ocispec.Index)) shapes.Shape {
	t.Helper()
	var index ocispec.Index
	if err := json.Unmarshal(shape.Blobs[shape.Root.Digest], &index); err != nil {
		t.Fatal(err)
	}
	change(&index)
	shape.Root = Blob(shape, shape.Root.MediaType, encode(t, index))
	shape.MediaTypes[shape.Root.Digest] = shape.Root.MediaType
	return shape
}

func encode(t testing.TB, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
