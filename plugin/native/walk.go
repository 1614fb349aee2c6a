// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package native

/*
#include "refract.h"

#cgo noescape refract_walk_begin
#cgo nocallback refract_walk_begin
#cgo noescape refract_walk_feed
#cgo nocallback refract_walk_feed
#cgo noescape refract_walk_missing
#cgo nocallback refract_walk_missing
#cgo noescape refract_walk_result
#cgo nocallback refract_walk_result
#cgo noescape refract_walk_notes
#cgo nocallback refract_walk_notes
#cgo noescape refract_walk_references
#cgo nocallback refract_walk_references
#cgo nocallback refract_walk_check_again
*/
import "C"

import (
	"runtime"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Walk reads an index without doing any I/O: it says which document it needs next, and is fed documents until it is done. It
// must not be used by several goroutines at once. The caller owns what it returns, except a [Need].
type Walk struct {
	native  *C.refract_walk
	request *Request

	// C fills in these fields on every step. They live here so that a step allocates nothing for them.
	failed   C.refract_error
	asked    C.refract_need
	accepted C.int32_t

	need     Need
	platform ocispec.Platform
	text     text
}

// Need is a document that a walk waits for. The walk owns it, and it is valid until the next step.
type Need struct {
	Descriptor Descriptor
	Kind       DocumentKind
	MaxBytes   uint64 // never read more than this many; the descriptor's size never exceeds it
	Required   bool   // without it the walk ends with [StatusMissing]; otherwise the walk goes on without it
}

// NewWalk makes a walk for a request. It can be begun several times; Close it at the end.
func NewWalk(request *Request) (*Walk, error) {
	if err := request.retain(); err != nil {
		return nil, err
	}
	walk := &Walk{request: request}
	if err := failure(C.refract_walk_new(&walk.native, request.native, &walk.failed), &walk.failed); err != nil {
		request.Close()
		return nil, err
	}
	return walk, nil
}

// NewWalkOf makes a walk for a request of its own.
func NewWalkOf(options RequestOptions) (*Walk, error) {
	request, err := NewRequest(options)
	if err != nil {
		return nil, err
	}
	defer request.Close() // the walk keeps it
	return NewWalk(request)
}

// Close frees what the walk holds. Calling it again does nothing.
func (w *Walk) Close() {
	if w.native == nil {
		return
	}
	C.refract_walk_free(w.native)
	w.native = nil
	w.request.Close()
}

// Begin begins, or begins again, at an index: the root's descriptor as the registry returned it, and its bytes. It returns the
// document that is needed next, or nil if the walk is done.
func (w *Walk) Begin(mediaType, digest string, size int64, bytes []byte) (*Need, error) {
	if w.native == nil {
		return nil, closed("walk")
	}
	return w.stepped(C.refract_walk_begin(w.native, chars(mediaType), C.size_t(len(mediaType)), chars(digest), C.size_t(len(digest)),
		C.int64_t(size), data(bytes), C.size_t(len(bytes)), &w.asked, &w.failed))
}

// Feed passes in the document that the walk needs.
func (w *Walk) Feed(bytes []byte) (*Need, error) {
	if w.native == nil {
		return nil, closed("walk")
	}
	return w.stepped(C.refract_walk_feed(w.native, data(bytes), C.size_t(len(bytes)), &w.accepted, &w.asked, &w.failed))
}

// HasAccepted tells whether the last bytes that were fed had the requested size and digest, whatever the walk made of them. If
// so, they need not be verified again before they are stored.
func (w *Walk) HasAccepted() bool { return w.accepted != 0 }

// Missing says that the document is unavailable and that retrying would not help. The reason is shown to people.
func (w *Walk) Missing(reason string) (*Need, error) {
	if w.native == nil {
		return nil, closed("walk")
	}
	return w.stepped(C.refract_walk_missing(w.native, chars(reason), C.size_t(len(reason)), &w.asked, &w.failed))
}

func (w *Walk) stepped(status C.refract_status) (*Need, error) {
	if status == C.REFRACT_OK {
		return nil, nil
	}
	if err := failure(status, &w.failed); err != nil {
		return nil, err
	}
	w.text = text{}
	platform := w.asked.descriptor.platform
	w.asked.descriptor.platform = nil
	w.need = Need{
		Descriptor: w.text.descriptor(&w.asked.descriptor),
		Kind:       DocumentKind(w.asked.kind),
		MaxBytes:   uint64(w.asked.max_bytes),
		Required:   w.asked.required != 0,
	}
	if platform != nil {
		w.text.platform(platform, &w.platform)
		w.need.Descriptor.Platform = &w.platform
	}
	// Go must not hold pointers into the library's memory once that may have been freed.
	w.asked = C.refract_need{}
	return &w.need, nil
}

// Result returns the result of the walk. It is valid only once the walk is done.
func (w *Walk) Result() (*Result, error) {
	if w.native == nil {
		return nil, closed("walk")
	}
	var found *C.refract_result
	if err := failure(C.refract_walk_result(w.native, &found, &w.failed), &w.failed); err != nil {
		return nil, err
	}
	defer runtime.KeepAlive(w)
	return newResult(found), nil
}

// Notes say why entries were skipped. They are valid only once the walk is done.
func (w *Walk) Notes() ([]Note, error) {
	if w.native == nil {
		return nil, closed("walk")
	}
	var found *C.refract_notes
	if err := failure(C.refract_walk_notes(w.native, &found, &w.failed), &w.failed); err != nil {
		return nil, err
	}
	defer runtime.KeepAlive(w)
	return newNotes(found), nil
}

// References are what is attached, as a list and as a tree. They are valid only once the walk is done.
func (w *Walk) References() (*References, error) {
	if w.native == nil {
		return nil, closed("walk")
	}
	var found *C.refract_references
	if err := failure(C.refract_walk_references(w.native, &found, &w.failed), &w.failed); err != nil {
		return nil, err
	}
	defer runtime.KeepAlive(w)
	return newReferences(found), nil
}

// CheckAgain returns an error of kind permission denied if the root must not become an image's target: if containerd, which
// selects again from it, would select a different image for a requested platform or for the host's. It is valid only once the
// walk is done.
func (w *Walk) CheckAgain(host ocispec.Platform) error {
	if w.native == nil {
		return closed("walk")
	}
	var pins runtime.Pinner
	defer pins.Unpin()
	defer runtime.KeepAlive(w)
	lent := lendPlatform(&pins, &host)
	return failure(C.refract_walk_check_again(w.native, &lent, &w.failed), &w.failed)
}
