// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package native is the Go view of librefract, refract's C++ core, and the only place where the two meet.
//
// C++ decides and Go carries: a [Walk] is handed the bytes of an index and answers with the document that it needs next, or
// with what it selected and what is attached to it. There is one crossing a document; results come back as flat arrays that
// are copied once. The C interface, native/include/refract.h, explains every field; the names here are the same.
//
// The library is the one that pkg-config knows as refract: the installed one, or in this tree the one that make built
// (eval "$(make -s go-env)" tells a shell).
package native

/*
#cgo pkg-config: refract
#cgo CFLAGS: -std=c11
#include <malloc.h>
#include "refract.h"

// How much heap memory is kept depends on the C library; only glibc's can be told to release it.
static void give_back(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

// Otherwise each thread that Go calls from would have a heap of its own, and keep in it the largest documents that it ever
// read.
static void keep_little(void) {
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 256 << 10);
    mallopt(M_TRIM_THRESHOLD, 1 << 20);
    mallopt(M_ARENA_MAX, 4);
#endif
}

#cgo noescape refract_media_type_kind
#cgo nocallback refract_media_type_kind
#cgo noescape refract_digest_verify
#cgo nocallback refract_digest_verify
#cgo nocallback refract_limits_default
*/
import "C"

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Descriptor is the specification's. If no platform is declared, Platform is nil.
type Descriptor = ocispec.Descriptor

// DescriptorKey identifies content as one descriptor describes it: another descriptor may have the same digest but a different
// size or media type, and be right.
type DescriptorKey struct {
	MediaType string
	Digest    digest.Digest
	Size      int64
}

// KeyOf returns the key of a descriptor's content.
func KeyOf(desc Descriptor) DescriptorKey {
	return DescriptorKey{desc.MediaType, desc.Digest, desc.Size}
}

// DocumentKind is the kind of document that a media type names.
type DocumentKind uint32

// The kinds of documents. Only [MediaTypeKind] returns KindOther.
const (
	KindOther    DocumentKind = C.REFRACT_DOCUMENT_OTHER
	KindIndex    DocumentKind = C.REFRACT_DOCUMENT_INDEX
	KindManifest DocumentKind = C.REFRACT_DOCUMENT_MANIFEST
	KindConfig   DocumentKind = C.REFRACT_DOCUMENT_CONFIG
)

// MediaTypeKind returns the kind of document that a media type names, for OCI's and Docker's types.
func MediaTypeKind(mediaType string) DocumentKind {
	return DocumentKind(C.refract_media_type_kind(chars(mediaType), C.size_t(len(mediaType))))
}

// CheckABI compares the interface that this package was compiled against with that of the library in use. Programs call it
// once, before they use this package.
func CheckABI() error {
	if got := uint32(C.refract_abi_version()); got != C.REFRACT_ABI_VERSION {
		return fmt.Errorf("librefract has interface version %d, this program was built for %d: install both from one release",
			got, uint32(C.REFRACT_ABI_VERSION))
	}
	return nil
}

// library is the hash of librefract. make sets it, because Go's cache would not notice a different library of the same name.
var library string

// Library is the hash of the librefract that was linked in; empty in a program that make did not build.
func Library() string { return library }

// Version is refract's own version, e.g. "0.1.0".
func Version() string { return static(C.refract_version()) }

// SIMDKernel names the kernel of simdjson in use: "haswell", "westmere", "fallback", …
func SIMDKernel() string { return static(C.refract_simd_kernel()) }

// VerifyDigest returns nil if bytes have the digest, else an error that says why not.
func VerifyDigest(digest string, bytes []byte) error {
	var failed C.refract_error
	return failure(C.refract_digest_verify(chars(digest), C.size_t(len(digest)), data(bytes), C.size_t(len(bytes)), &failed), &failed)
}

// keepsLittle applies to the whole process.
var keepsLittle atomic.Bool

// KeepLittleMemory makes the C library release memory as soon as a large document was read, and enables GiveBackMemory. A
// daemon calls it for its whole process, before it reads any document.
func KeepLittleMemory() {
	if !keepsLittle.Swap(true) {
		C.keep_little()
	}
}

// GiveBackMemory returns memory to the system that neither Go nor the library uses any more, if KeepLittleMemory was called. It
// takes some milliseconds.
func GiveBackMemory() {
	if keepsLittle.Load() {
		debug.FreeOSMemory()
		C.give_back()
	}
}

// Limits bound what a walk reads. A zero field means the default.
type Limits struct {
	DocumentBytes     uint64 // of an index or manifest
	ConfigBytes       uint64 // of an image config
	WalkBytes         uint64 // all documents of one walk together
	JSONDepth         uint32
	Nesting           uint32 // indexes inside indexes, the root not counted
	Documents         uint32 // unique documents in one walk, the root counted
	AnnotationBytes   uint32 // keys and values of one descriptor's annotations
	ReferenceBlobs    uint32 // manifests, configs and layers of one fetched reference
	FetchedReferences uint32 // references that a policy may fetch for one image
	Entries           uint32 // of one index
}

// DefaultLimits returns the library's table of limits. It is read from the library once, because some callers want a limit for
// each descriptor.
func DefaultLimits() Limits { return defaultLimits() }

var defaultLimits = sync.OnceValue(func() Limits {
	var limits C.refract_limits
	C.refract_limits_default(&limits)
	return Limits{
		DocumentBytes:     uint64(limits.document_bytes),
		ConfigBytes:       uint64(limits.config_bytes),
		WalkBytes:         uint64(limits.walk_bytes),
		JSONDepth:         uint32(limits.json_depth),
		Nesting:           uint32(limits.nesting),
		Documents:         uint32(limits.documents),
		AnnotationBytes:   uint32(limits.annotation_bytes),
		ReferenceBlobs:    uint32(limits.reference_blobs),
		FetchedReferences: uint32(limits.fetched_references),
		Entries:           uint32(limits.entries),
	}
})

func (l Limits) native() C.refract_limits {
	return C.refract_limits{
		document_bytes:     C.uint64_t(l.DocumentBytes),
		config_bytes:       C.uint64_t(l.ConfigBytes),
		walk_bytes:         C.uint64_t(l.WalkBytes),
		json_depth:         C.uint32_t(l.JSONDepth),
		nesting:            C.uint32_t(l.Nesting),
		documents:          C.uint32_t(l.Documents),
		annotation_bytes:   C.uint32_t(l.AnnotationBytes),
		reference_blobs:    C.uint32_t(l.ReferenceBlobs),
		fetched_references: C.uint32_t(l.FetchedReferences),
		entries:            C.uint32_t(l.Entries),
	}
}

// chars lends a string's bytes to C for one call; nil for an empty string.
func chars(s string) *C.char { return (*C.char)(unsafe.Pointer(unsafe.StringData(s))) }

// data lends bytes to C for one call; nil for none.
func data(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

// static returns a string that lives as long as the library.
func static(s C.refract_string) string {
	return unsafe.String((*byte)(unsafe.Pointer(s.data)), int(s.size))
}
