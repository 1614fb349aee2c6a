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

// Printable is how text of strangers is shown, by a terminal or in a log: control characters, what turns the direction of writing or
// cannot be seen, spaces but the plain one, separators of lines, private use and bytes that are no UTF-8 are written as \xNN.
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

// isPlain tells whether there is nothing in a text but what ASCII prints: nearly every text, and none that C++ has to look at.
func isPlain(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}
