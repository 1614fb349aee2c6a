// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package native

/*
#include "refract.h"

#cgo noescape refract_manifest_new
#cgo nocallback refract_manifest_new
*/
import "C"

import (
	"unsafe"

	"github.com/opencontainers/go-digest"
)

// Manifest is what a manifest says.
type Manifest struct {
	MediaType    string
	ArtifactType string
	Subject      digest.Digest // empty if there is none
	Config       Descriptor
	Layers       []Descriptor
}

// ReadManifest checks the bytes against the digest and the limits, and reads them as strictly as everything else.
func ReadManifest(manifestDigest string, bytes []byte) (*Manifest, error) {
	var (
		made   *C.refract_manifest
		view   *C.refract_manifest_view
		failed C.refract_error
	)
	if err := failure(C.refract_manifest_new(&made, chars(manifestDigest), C.size_t(len(manifestDigest)), data(bytes),
		C.size_t(len(bytes)), &view, &failed), &failed); err != nil {
		return nil, err
	}
	defer C.refract_manifest_free(made)
	var text text
	manifest := &Manifest{
		MediaType:    text.copy(view.media_type),
		ArtifactType: text.copy(view.artifact_type),
		Subject:      digest.Digest(text.copy(view.subject)),
		Config:       text.descriptor(&view.config),
	}
	layers := unsafe.Slice(view.layers, int(view.layers_count))
	manifest.Layers = make([]Descriptor, len(layers))
	for i := range layers {
		manifest.Layers[i] = text.descriptor(&layers[i])
	}
	return manifest, nil
}
