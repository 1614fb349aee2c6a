// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package native

/*
#include "refract.h"
*/
import "C"

import (
	"errors"
	"unsafe"

	"github.com/containerd/errdefs"
)

// Status is the result of a call.
type Status uint32

// The statuses that are errors.
const (
	StatusInvalidArgument Status = C.REFRACT_INVALID_ARGUMENT
	StatusOutOfMemory     Status = C.REFRACT_OUT_OF_MEMORY
	StatusInternal        Status = C.REFRACT_INTERNAL
	StatusMalformed       Status = C.REFRACT_MALFORMED
	StatusAmbiguous       Status = C.REFRACT_AMBIGUOUS
	StatusLimitExceeded   Status = C.REFRACT_LIMIT_EXCEEDED
	StatusSizeMismatch    Status = C.REFRACT_SIZE_MISMATCH
	StatusDigestMismatch  Status = C.REFRACT_DIGEST_MISMATCH
	StatusTypeMismatch    Status = C.REFRACT_TYPE_MISMATCH
	StatusNoMatch         Status = C.REFRACT_NO_MATCH
	StatusMissing         Status = C.REFRACT_MISSING
	StatusUnsupported     Status = C.REFRACT_UNSUPPORTED
	StatusDenied          Status = C.REFRACT_DENIED
)

// String is the library's short name for the status, e.g. "digest mismatch".
func (s Status) String() string { return static(C.refract_status_text(C.refract_status(s))) }

// Error is a failure of the library. It wraps one of errdefs' kinds, so errors.Is and containerd's gRPC codes know it.
type Error struct {
	Status  Status
	Message string // one line: what, where, why
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the errdefs kind.
func (e *Error) Unwrap() error {
	switch e.Status {
	case StatusNoMatch, StatusMissing:
		return errdefs.ErrNotFound
	case StatusLimitExceeded, StatusOutOfMemory:
		return errdefs.ErrResourceExhausted
	// Unsupported is not errdefs.ErrNotImplemented: containerd would take that for the transfer service's own, and report that
	// instead of the cause.
	case StatusMalformed, StatusAmbiguous, StatusTypeMismatch, StatusInvalidArgument, StatusUnsupported:
		return errdefs.ErrInvalidArgument
	case StatusDenied:
		return errdefs.ErrPermissionDenied
	case StatusSizeMismatch, StatusDigestMismatch:
		return errdefs.ErrDataLoss
	default:
		return errdefs.ErrInternal
	}
}

// StatusOf finds the library's status in an error's chain.
func StatusOf(err error) (Status, bool) {
	var native *Error
	if errors.As(err, &native) {
		return native.Status, true
	}
	return 0, false
}

// closed is the error of every method of a closed request or walk.
func closed(what string) error {
	return &Error{Status: StatusInvalidArgument, Message: "native: the " + what + " was closed"}
}

// failure returns the error for a status; nil for a status that is no error.
func failure(status C.refract_status, filled *C.refract_error) error {
	if status < C.REFRACT_INVALID_ARGUMENT {
		return nil
	}
	return &Error{Status: Status(status), Message: C.GoString((*C.char)(unsafe.Pointer(&filled.message)))}
}
