// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package native

/*
#include "refract.h"

#cgo noescape refract_kind_named
#cgo nocallback refract_kind_named
*/
import "C"

import "slices"

// Kinds are what people call a reference, whatever tool made it: sbom, signature, … It is a set of bits, because one artifact
// may be of several.
type Kinds uint32

// Names of the kinds in k, in the order of their bits.
func (k Kinds) Names() []string {
	var names []string
	for bit := Kinds(1); bit <= k && bit != 0; bit <<= 1 {
		if name := static(C.refract_kind_name(C.uint32_t(k & bit))); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// KindNamed is the kind of that name; 0 if there is none, in which case the name is an exact type.
func KindNamed(name string) Kinds {
	return Kinds(C.refract_kind_named(chars(name), C.size_t(len(name))))
}

// isOf tells whether these kinds include the requested one or, if the request names no kind, these types include exactly that
// type.
func isOf(asked string, kinds Kinds, types ...string) bool {
	if kind := KindNamed(asked); kind != 0 {
		return kinds&kind != 0
	}
	return slices.Contains(types, asked)
}
