// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/shapes"
)

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
