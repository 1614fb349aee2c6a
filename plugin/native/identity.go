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

// Identity is what a document of unknown type turned out to be.
type Identity struct {
	Kind         DocumentKind  // index or manifest, decided by the structure
	MediaType    string        // the one in the bytes; else the one that they were served as, if it fits their kind; else OCI's
	ArtifactType string        // as in a list of referrers: if a manifest has none, its config's media type
	Subject      digest.Digest // empty if there is none
}

// Identify tells whether bytes are an index or a manifest, whatever media type they were served as. The caller has verified
// their digest.
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
