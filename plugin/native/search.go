// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package native

/*
#include "refract.h"
*/
import "C"

import (
	"runtime"
	"unsafe"
)

// QuestionKind is the kind of a question.
type QuestionKind uint32

// A manifest or index, by its tag or digest; or the list of a digest's referrers.
const (
	QuestionManifest  QuestionKind = C.REFRACT_QUESTION_MANIFEST
	QuestionReferrers QuestionKind = C.REFRACT_QUESTION_REFERRERS
)

// Question is one request of a search to a repository.
type Question struct {
	Kind      QuestionKind
	Reference string
	MediaType string // of a manifest: the most likely one; some registries only serve what is accepted
	MaxBytes  uint64 // limit of the response
}

// Round has the questions that may be asked concurrently.
type Round struct {
	Questions []Question // none: the search is done
	MaxBytes  uint64     // limit of all responses together: the caller stops there
}

// Search adds the references elsewhere in a repository to those in an index, and knows whether the request's policy is met. It
// does no I/O. It asks questions in rounds; each question of a round is answered, in any order, before the next round. It must
// not be used by several goroutines at once. The caller owns what it returns.
type Search struct {
	native  *C.refract_search
	request *Request
	walk    *Walk // the library reads it
	failed  C.refract_error
}

// NewSearch makes a search for the policy of a request. Sources are where to ask; with none, nothing is asked. With always, it
// asks even if the index lists every type that is required or to be fetched. Close it at the end.
func NewSearch(request *Request, sources Source, always bool) (*Search, error) {
	if err := request.retain(); err != nil {
		return nil, err
	}
	search := &Search{request: request}
	if err := failure(C.refract_search_new(&search.native, request.native, C.uint32_t(sources), flag(always), &search.failed), &search.failed); err != nil {
		request.Close()
		return nil, err
	}
	return search, nil
}

// Close frees what the search holds. Calling it again does nothing.
func (s *Search) Close() {
	if s.native == nil {
		return
	}
	C.refract_search_free(s.native)
	s.native, s.walk = nil, nil
	s.request.Close()
}

// Begin begins with a finished walk, and returns the first questions. The walk must not be begun again or closed before the
// search.
func (s *Search) Begin(walk *Walk) (*Round, error) {
	if s.native == nil || walk.native == nil {
		return nil, closed("search or walk")
	}
	s.walk = walk
	var asked *C.refract_questions
	return s.asked(C.refract_search_begin(s.native, walk.native, nil, 0, nil, 0, 0, &asked, &s.failed), asked)
}

// BeginManifest begins with a manifest that no index leads to.
func (s *Search) BeginManifest(desc Descriptor) (*Round, error) {
	if s.native == nil {
		return nil, closed("search")
	}
	mediaType, digest := desc.MediaType, desc.Digest.String()
	var asked *C.refract_questions
	return s.asked(C.refract_search_begin(s.native, nil, chars(mediaType), C.size_t(len(mediaType)), chars(digest), C.size_t(len(digest)),
		C.int64_t(desc.Size), &asked, &s.failed), asked)
}

// Answer passes on the repository's response to a question, by its number in the round. Bytes that do not have the requested
// digest count as missing.
func (s *Search) Answer(number int, bytes []byte) error {
	if s.native == nil {
		return closed("search")
	}
	return failure(C.refract_search_answer(s.native, C.uint32_t(number), data(bytes), C.size_t(len(bytes)), &s.failed), &s.failed)
}

// Missing says that a question has no response, and that retrying would not help.
func (s *Search) Missing(number int, reason string) error {
	if s.native == nil {
		return closed("search")
	}
	return failure(C.refract_search_missing(s.native, C.uint32_t(number), chars(reason), C.size_t(len(reason)), &s.failed), &s.failed)
}

// Next returns the next questions, after the previous ones were answered.
func (s *Search) Next() (*Round, error) {
	if s.native == nil {
		return nil, closed("search")
	}
	var asked *C.refract_questions
	return s.asked(C.refract_search_next(s.native, &asked, &s.failed), asked)
}

func (s *Search) asked(status C.refract_status, asked *C.refract_questions) (*Round, error) {
	if err := failure(status, &s.failed); err != nil {
		return nil, err
	}
	defer runtime.KeepAlive(s)
	var text text
	round := &Round{Questions: make([]Question, 0, int(asked.count)), MaxBytes: uint64(asked.max_bytes)}
	for _, one := range unsafe.Slice(asked.questions, int(asked.count)) {
		round.Questions = append(round.Questions, Question{
			Kind:      QuestionKind(one.kind),
			Reference: text.copy(one.reference),
			MediaType: text.copy(one.media_type),
			MaxBytes:  uint64(one.max_bytes),
		})
	}
	return round, nil
}

// Recall takes the result of an earlier [Search.Record] for the same image, instead of asking.
func (s *Search) Recall(digest string, bytes []byte) error {
	if s.native == nil {
		return closed("search")
	}
	return failure(C.refract_search_recall(s.native, chars(digest), C.size_t(len(digest)), data(bytes), C.size_t(len(bytes)), &s.failed), &s.failed)
}

// References are the references in the index and elsewhere. A search that was not completed returns those in the index.
func (s *Search) References() (*References, error) {
	if s.native == nil {
		return nil, closed("search")
	}
	var found *C.refract_references
	if err := failure(C.refract_search_references(s.native, &found, &s.failed), &s.failed); err != nil {
		return nil, err
	}
	defer runtime.KeepAlive(s)
	return newReferences(found), nil
}

// CheckRequired returns an error of kind permission denied unless every selected image has a reference of each required type.
func (s *Search) CheckRequired() error {
	if s.native == nil {
		return closed("search")
	}
	defer runtime.KeepAlive(s)
	return failure(C.refract_search_check_required(s.native, &s.failed), &s.failed)
}

// Record returns the references that were found elsewhere, as bytes for [Search.Recall]; empty if there are none.
func (s *Search) Record() ([]byte, error) {
	if s.native == nil {
		return nil, closed("search")
	}
	var record C.refract_string
	if err := failure(C.refract_search_record(s.native, &record, &s.failed), &s.failed); err != nil {
		return nil, err
	}
	defer runtime.KeepAlive(s)
	return C.GoBytes(unsafe.Pointer(record.data), C.int(record.size)), nil
}
