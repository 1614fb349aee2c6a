// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import "slices"

func endToEnd() []entry {
	return slices.Concat(firsts(), nestings(), attachments(), images(), refusals())
}

func documents() []entry {
	entries := slices.Concat(walks(), repeats(), policies(), kinds(), inlined(), ordinaryHosts(), limits(), badDigests())
	for _, one := range matchings() {
		entries = append(entries, one.entry())
	}
	for _, table := range [][]twisted{encodings(), readTwoWays(), fields()} {
		for _, one := range table {
			entries = append(entries, one.entry())
		}
	}
	return entries
}
