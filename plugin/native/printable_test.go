// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"testing"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/tests/printable"
)

// The list that C++'s tests read, too.
func TestPrintableEscapesWhatMovesATerminalOrMisleads(t *testing.T) {
	for _, row := range printable.List() {
		if got := native.Printable(row.Text); got != row.Shown {
			t.Errorf("%s: %q is shown as %q, want %q", row.Name, row.Text, got, row.Shown)
		}
		if got := native.Printable(row.Shown); got != row.Shown {
			t.Errorf("%s: %q is shown as %q when it is shown again", row.Name, row.Shown, got)
		}
	}
	if native.Printable("") != "" {
		t.Error("nothing is shown as something")
	}
}
