// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package native

/*
#include "refract.h"

#cgo noescape refract_identity_new
#cgo nocallback refract_identity_new
*/
import "C"

import "github.com/opencontainers/go-digest"

// Identity is what unknown bytes are.
type Identity struct {
	Kind         DocumentKind  // index or manifest, by the structure
	MediaType    string        // what the bytes say; else what they were served as, if that is of their kind; else OCI's
	ArtifactType string        // as a list of referrers has it: of a manifest that has none, its config's media type
	Subject      digest.Digest // empty if there is none
}

// Identify tells whether bytes are an index or a manifest, whatever they were served as. Who calls has checked their digest.
func Identify(servedAs string, bytes []byte) (*Identity, error) {
	var (
		made   *C.refract_identity
		view   *C.refract_identity_view
		failed C.refract_error
	)
	if err := failure(C.refract_identity_new(&made, chars(servedAs), C.size_t(len(servedAs)), data(bytes), C.size_t(len(bytes)), &view, &failed), &failed); err != nil {
		return nil, err
	}
	defer C.refract_identity_free(made)
	var text text
	return &Identity{
		Kind:         DocumentKind(view.kind),
		MediaType:    text.copy(view.media_type),
		ArtifactType: text.copy(view.artifact_type),
		Subject:      digest.Digest(text.copy(view.subject)),
	}, nil
}
