// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package native

/*
#include "refract.h"

#cgo noescape refract_printable
#cgo nocallback refract_printable
*/
import "C"

import "unsafe"

// Printable escapes text from strangers for a terminal or a log. It writes as \xNN: control characters, characters that are
// invisible or change the direction of writing, spaces other than the plain one, line separators, private use, and invalid
// UTF-8.
func Printable(text string) string {
	if isPlain(text) {
		return text
	}
	size := int(C.refract_printable(chars(text), C.size_t(len(text)), nil, 0))
	if size == 0 {
		return ""
	}
	shown := make([]byte, size)
	C.refract_printable(chars(text), C.size_t(len(text)), (*C.char)(unsafe.Pointer(unsafe.SliceData(shown))), C.size_t(size))
	return unsafe.String(unsafe.SliceData(shown), size)
}

// isPlain tells whether a text is only printable ASCII. Nearly every text is, and needs no call into C++.
func isPlain(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}
