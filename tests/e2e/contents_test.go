// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	"github.com/refract-oci/refract/tests/e2e/harness"
)

// nothingStays looks after the garbage collector has run. In the shared daemon's namespace of pods, the pod's own image stays.
func nothingStays(t testing.TB, daemon *harness.Daemon, namespace string) {
	t.Helper()
	left := contents(t, daemon, namespace)
	for _, lazy := range []*lazyDaemon{&shared.refract, &shared.behind} {
		if daemon == lazy.daemon && namespace == criNamespace {
			left = left.Without(lazy.empty)
		}
	}
	if err := left.Empty(); err != nil {
		t.Error(err)
	}
}

// contents is what is there after the garbage collector has run.
func contents(t testing.TB, daemon *harness.Daemon, namespace string) harness.Contents {
	t.Helper()
	if err := daemon.Collect(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	all, err := daemon.Contents(t.Context(), namespace)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestNothingIsThereFromTheStart makes sure that what other tests compare with is nothing.
func TestNothingIsThereFromTheStart(t *testing.T) {
	daemon := refractDaemon(t)
	for _, way := range ways {
		nothingStays(t, daemon, namespaceOf(way))
	}
}
