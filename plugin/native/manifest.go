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

// Manifest is the parsed content of a manifest.
type Manifest struct {
	MediaType    string
	ArtifactType string
	Subject      digest.Digest // empty if there is none
	Config       Descriptor
	Layers       []Descriptor
	LayerTypes   []LayerTypes // one for each layer
}

// LayerTypes are the known types of a layer: its media type and the predicates that it attests.
type LayerTypes struct {
	Types []string
	Kinds Kinds
}

// IsOf tells whether the layer is of that kind or, if the name is no kind, of exactly that type.
func (l *LayerTypes) IsOf(asked string) bool { return isOf(asked, l.Kinds, l.Types...) }

// ReadManifest verifies the digest and the limits, and parses as strictly as everything else in the library.
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
	manifest.LayerTypes = make([]LayerTypes, len(layers))
	for i, types := range unsafe.Slice(view.layer_types, int(view.layers_count)) {
		manifest.Layers[i] = text.descriptor(&layers[i])
		manifest.LayerTypes[i] = LayerTypes{Types: text.copies(types.types, types.types_count), Kinds: Kinds(types.kinds)}
	}
	return manifest, nil
}
