// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"testing"

	"github.com/refract-oci/refract/plugin/native"
)

func TestSourcesAreFoundByTheirNames(t *testing.T) {
	for _, source := range []native.Source{native.SourceIndex, native.SourceAnnotation, native.SourceBuildKit, native.SourceSOCI} {
		names := source.Names()
		if len(names) != 1 || native.SourceOf(names[0]) != source {
			t.Errorf("source %d has the names %q, and the first is of %d", source, names, native.SourceOf(names[0]))
		}
	}
	for _, name := range []string{"", "Index", "inde", "index,soci"} {
		if got := native.SourceOf(name); got != 0 {
			t.Errorf("%q is source %d", name, got)
		}
	}
}
