// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strings"
	"testing"

	"github.com/refract-oci/refract/tests/e2e/harness"
)

// TestRefractdServesTheOlderLine pulls every shape through refractd into a containerd of the 2.2 line, and runs it.
func TestRefractdServesTheOlderLine(t *testing.T) {
	old := lazyDaemon{daemon: start(t, harness.Start22BehindRefractd, harness.Config{})}
	version, err := old.daemon.Client.Version(t.Context())
	if err != nil || !strings.HasPrefix(version.Version, "v2.2.") {
		t.Fatalf("this is containerd %s: %v", version.Version, err)
	}
	t.Logf("containerd %s", version.Version)
	if old.pod, err = old.daemon.StartPod(t.Context(), "pod-older"); err != nil {
		t.Fatal(err)
	}
	empty, err := old.daemon.Contents(t.Context(), criNamespace)
	if err != nil {
		t.Fatal(err)
	}
	runnable, refused := shared.runnable()
	for _, shape := range runnable {
		for _, name := range shared.names(shape) {
			if err := pullAndRun(t.Context(), &old, "cri", name, shape); err != nil {
				t.Errorf("%s (%s): %v", name, shape.About, err)
			}
		}
	}
	for _, shape := range refused {
		if failure := refusal(pull(t.Context(), old.daemon, "cri", shared.tag(shape)), shape, shared.tag(shape)); failure != "" {
			t.Errorf("%s (%s): %s", shape.Name, shape.About, failure)
		}
	}
	if err := contents(t, old.daemon, criNamespace).Without(empty).Empty(); err != nil {
		t.Error(err)
	}
	if err := old.pod.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
