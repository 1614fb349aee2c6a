// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package registries

import "testing"

// StartFor starts a registry in the test's own folder, which ends with the test.
func StartFor(t testing.TB, options Options) *Registry {
	t.Helper()
	r, err := Start(t.TempDir(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}
