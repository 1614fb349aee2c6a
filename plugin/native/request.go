// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package native

/*
#include "refract.h"
*/
import "C"

import (
	"runtime"
	"sync/atomic"
	"unsafe"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Mode is the purpose of a walk.
type Mode uint32

// Select finds the image to run, as a pull does. List selects nothing and reads every nested index that is available.
const (
	Select Mode = C.REFRACT_SELECT
	List   Mode = C.REFRACT_LIST
)

// MatchMode is which platforms a requested platform matches.
type MatchMode uint32

// Exact is containerd's platforms.Ordered: a platform matches itself. Compatible is platforms.Only: it also matches platforms
// that it can run, best first.
const (
	Exact      MatchMode = C.REFRACT_MATCH_EXACT
	Compatible MatchMode = C.REFRACT_MATCH_COMPATIBLE
)

// RequestOptions say what to look for.
type RequestOptions struct {
	Mode            Mode
	Match           MatchMode
	Platforms       []ocispec.Platform // one selection for each; none: every image of the index
	ConfigTypes     []string           // further config media types that make a manifest an image
	OtherPlatforms  bool               // images of other platforms are children too, unproven, and so are BuildKit's attestations ("all metadata")
	FetchReferences bool               // mark the references that the policy fetches
	AllReferences   bool               // include references to other platforms' images, not only to the selected ones and the indexes around them
	ReferenceTypes  []string           // only these kinds or exact types; none: all
	RequiredTypes   []string           // likewise; every selected image must have a reference of each
	Limits          Limits
}

// Request says what to look for, checked and compiled. It never changes, and goroutines may share it.
type Request struct {
	native *C.refract_request
	// users counts the request itself, its walks and its searches: the library requires a request to outlive them.
	users atomic.Int32
}

// NewRequest checks and compiles options. Close it when no more walks or searches are to be made from it.
func NewRequest(options RequestOptions) (*Request, error) {
	var (
		pins   runtime.Pinner
		failed C.refract_error
		made   *C.refract_request
	)
	defer pins.Unpin()
	native := C.refract_request_options{
		abi_version:                 C.REFRACT_ABI_VERSION,
		mode:                        C.refract_mode(options.Mode),
		match:                       C.refract_match(options.Match),
		platforms_count:             C.size_t(len(options.Platforms)),
		config_types:                lendStrings(&pins, options.ConfigTypes),
		config_types_count:          C.size_t(len(options.ConfigTypes)),
		other_platforms:             flag(options.OtherPlatforms),
		fetch_references:            flag(options.FetchReferences),
		references_of_all_platforms: flag(options.AllReferences),
		reference_types:             lendStrings(&pins, options.ReferenceTypes),
		reference_types_count:       C.size_t(len(options.ReferenceTypes)),
		required_types:              lendStrings(&pins, options.RequiredTypes),
		required_types_count:        C.size_t(len(options.RequiredTypes)),
		limits:                      options.Limits.native(),
	}
	if len(options.Platforms) > 0 {
		platforms := make([]C.refract_platform, len(options.Platforms))
		for i := range options.Platforms {
			platforms[i] = lendPlatform(&pins, &options.Platforms[i])
		}
		pins.Pin(&platforms[0])
		native.platforms = &platforms[0]
	}
	if err := failure(C.refract_request_new(&made, &native, &failed), &failed); err != nil {
		return nil, err
	}
	request := &Request{native: made}
	request.users.Store(1)
	return request, nil
}

// Match tells whether a platform matches any requested one.
func (r *Request) Match(platform ocispec.Platform) bool {
	var pins runtime.Pinner
	defer pins.Unpin()
	lent := lendPlatform(&pins, &platform)
	return C.refract_request_match(r.native, &lent) != 0
}

// Less tells whether a is preferred to b.
func (r *Request) Less(a, b ocispec.Platform) bool {
	var pins runtime.Pinner
	defer pins.Unpin()
	lentA, lentB := lendPlatform(&pins, &a), lendPlatform(&pins, &b)
	return C.refract_request_less(r.native, &lentA, &lentB) != 0
}

// retain keeps the request for one more user, who closes it. It is called first: the request must not be freed while its user
// is being made.
func (r *Request) retain() error {
	if r.users.Add(1) < 2 {
		r.users.Add(-1)
		return closed("request")
	}
	return nil
}

// Close releases the request; its walks and searches go on. It may be called only once.
func (r *Request) Close() {
	if r.users.Add(-1) == 0 {
		C.refract_request_free(r.native)
		r.native = nil
	}
}

// lendPlatform returns a platform that C can read as long as the pins hold.
func lendPlatform(pins *runtime.Pinner, from *ocispec.Platform) C.refract_platform {
	return C.refract_platform{
		os:                lendString(pins, from.OS),
		architecture:      lendString(pins, from.Architecture),
		variant:           lendString(pins, from.Variant),
		os_version:        lendString(pins, from.OSVersion),
		os_features:       lendStrings(pins, from.OSFeatures),
		os_features_count: C.size_t(len(from.OSFeatures)),
	}
}

func lendString(pins *runtime.Pinner, s string) C.refract_string {
	if len(s) == 0 {
		return C.refract_string{}
	}
	pins.Pin(unsafe.StringData(s))
	return C.refract_string{data: chars(s), size: C.size_t(len(s))}
}

func lendStrings(pins *runtime.Pinner, from []string) *C.refract_string {
	if len(from) == 0 {
		return nil
	}
	lent := make([]C.refract_string, len(from))
	for i, s := range from {
		lent[i] = lendString(pins, s)
	}
	pins.Pin(&lent[0])
	return &lent[0]
}

func flag(set bool) C.int32_t {
	if set {
		return 1
	}
	return 0
}
