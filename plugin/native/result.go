// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package native

/*
#include "refract.h"
*/
import "C"

import (
	"slices"
	"unsafe"

	"github.com/opencontainers/go-digest"
)

// None means "no such document" and "no such position": the root has no position.
const None = ^uint32(0)

// Place is the position of an entry: in the manifests of the index numbered Document. It has the same layout as refract_place,
// so that arrays of it are copied as a whole.
type Place struct {
	Document uint32
	Position uint32
}

// Document is a document that was read. The root is number 0.
type Document struct {
	Kind      DocumentKind
	MediaType string
	Digest    digest.Digest
	Size      int64
	Place     Place // of the first entry that led to it; for a config, of its manifest's entry
}

// Descriptor names the document's bytes.
func (d Document) Descriptor() Descriptor {
	return Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size}
}

// Selection is a selected image.
type Selection struct {
	Manifest  Descriptor // its platform is the declared one, else the config's
	Config    digest.Digest
	Requested int     // index of the requested platform; -1 if all were requested
	Path      []Place // from the root's entry to the manifest's own
}

// Target is the manifest's descriptor as an image record has it: without its platform.
func (s Selection) Target() Descriptor {
	return Descriptor{MediaType: s.Manifest.MediaType, Digest: s.Manifest.Digest, Size: s.Manifest.Size}
}

// Result is the result of a walk.
type Result struct {
	Documents  []Document
	Selections []Selection
	// Children are the entries that a pull follows, each once, ordered by document and position.
	Children []Place
	// LeftOut are entries that a plain containerd would also take, and that are not children.
	LeftOut       []Place
	References    int // how many [Walk.References] will list
	UnreadIndexes int // nested indexes that were not read: their content is not known
}

func newResult(from *C.refract_result) *Result {
	var text text
	result := &Result{
		Children:      places(from.children, from.children_count),
		LeftOut:       places(from.left_out, from.left_out_count),
		References:    int(from.references_count),
		UnreadIndexes: int(from.unread_indexes_count),
	}
	documents := unsafe.Slice(from.documents, int(from.documents_count))
	result.Documents = make([]Document, len(documents))
	for i := range documents {
		result.Documents[i] = Document{
			Kind:      DocumentKind(documents[i].kind),
			MediaType: text.copy(documents[i].media_type),
			Digest:    digest.Digest(text.copy(documents[i].digest)),
			Size:      int64(documents[i].size),
			Place:     place(documents[i].place),
		}
	}
	selections := unsafe.Slice(from.selections, int(from.selections_count))
	result.Selections = make([]Selection, len(selections))
	for i := range selections {
		requested := -1
		if uint32(selections[i].requested) != None {
			requested = int(selections[i].requested)
		}
		result.Selections[i] = Selection{
			Manifest:  text.descriptor(&selections[i].manifest),
			Config:    digest.Digest(text.copy(selections[i].config_digest)),
			Requested: requested,
			Path:      places(selections[i].path, selections[i].path_count),
		}
	}
	return result
}

// Note says why an entry was skipped.
type Note struct {
	Place  Place
	Digest digest.Digest
	Reason string
}

func newNotes(from *C.refract_notes) []Note {
	var text text
	notes := make([]Note, 0, int(from.count))
	for _, note := range unsafe.Slice(from.notes, int(from.count)) {
		notes = append(notes, Note{
			Place:  place(note.place),
			Digest: digest.Digest(text.copy(note.digest)),
			Reason: text.copy(note.reason),
		})
	}
	return notes
}

func place(from C.refract_place) Place {
	return Place{Document: uint32(from.document), Position: uint32(from.position)}
}

func places(from *C.refract_place, count C.size_t) []Place {
	return slices.Clone(unsafe.Slice((*Place)(unsafe.Pointer(from)), int(count)))
}
