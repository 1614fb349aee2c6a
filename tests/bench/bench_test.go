// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"strings"
	"testing"

	"github.com/refract-oci/refract/tests/bench"
)

func BenchmarkIndex(b *testing.B) {
	for _, index := range []bench.Index{bench.SmallIndex(), bench.LargeIndex()} {
		for _, measured := range bench.Cases() {
			b.Run(index.Name+"/"+strings.ReplaceAll(measured.Name, " ", "_"), func(b *testing.B) { measured.Run(b, index) })
		}
	}
}

// The documents are those of the goals: should they ever become others, figures would lie.
func TestDocuments(t *testing.T) {
	small, large := bench.SmallIndex(), bench.LargeIndex()
	if size := len(small.Root.Bytes); small.Entries != 14 || size < 4800 || size > 5600 {
		t.Errorf("%s, want 14 entries and some 5.4 kB", small)
	}
	if size := len(large.Root.Bytes); large.Entries < 9700 || size < 4_000_000 || size > bench.MaxIndexBytes {
		t.Errorf("%s, want some 9,900 entries and just under 4 MiB", large)
	}
}
