// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package native

/*
#include "refract.h"
*/
import "C"

import (
	"unsafe"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// text copies the library's strings into few pieces of memory instead of one for each string: an index of 4 MiB has tens of
// thousands. A string never moves once returned: a full piece is left alone, and a new one is begun.
type text struct {
	piece []byte
}

// pieceBytes is ample for the strings of one descriptor.
const pieceBytes = 384

func (t *text) copy(from C.refract_string) string {
	size := int(from.size)
	if size == 0 {
		return ""
	}
	if cap(t.piece)-len(t.piece) < size {
		t.piece = make([]byte, 0, max(size, 2*cap(t.piece), pieceBytes))
	}
	start := len(t.piece)
	t.piece = append(t.piece, unsafe.Slice((*byte)(unsafe.Pointer(from.data)), size)...)
	return unsafe.String(&t.piece[start], size)
}

func (t *text) copies(from *C.refract_string, count C.size_t) []string {
	var texts []string
	for _, one := range unsafe.Slice(from, int(count)) {
		texts = append(texts, t.copy(one))
	}
	return texts
}

// platform copies into the given struct, so that the caller decides where it lives.
func (t *text) platform(from *C.refract_platform, to *ocispec.Platform) {
	*to = ocispec.Platform{
		OS:           t.copy(from.os),
		Architecture: t.copy(from.architecture),
		Variant:      t.copy(from.variant),
		OSVersion:    t.copy(from.os_version),
		OSFeatures:   t.copies(from.os_features, from.os_features_count),
	}
}

func (t *text) descriptor(from *C.refract_descriptor) Descriptor {
	to := Descriptor{
		MediaType:    t.copy(from.media_type),
		Digest:       digest.Digest(t.copy(from.digest)),
		ArtifactType: t.copy(from.artifact_type),
		Size:         int64(from.size),
	}
	if from.platform != nil {
		to.Platform = new(ocispec.Platform)
		t.platform(from.platform, to.Platform)
	}
	return to
}
