// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// costOf is what a registry sees of one pull by a daemon that has nothing yet.
func costOf(t *testing.T, with starter, way string, shape shapes.Shape) registry.Counts {
	t.Helper()
	daemon := start(t, with, harness.Config{})
	server, name := ownRegistry(t, shape)
	server.Reset()
	if err := pull(t.Context(), daemon, way, name); err != nil {
		t.Fatal(err)
	}
	return server.Counts()
}

// TestOrdinaryImagesCostNoMoreThanStock counts at the registry what pulling ordinary images takes, each way.
func TestOrdinaryImagesCostNoMoreThanStock(t *testing.T) {
	for _, name := range []string{"single-manifest", "single-docker-manifest", "multi-platform", "buildkit-attestations", "docker-manifest-list"} {
		for _, way := range ways {
			t.Run(name+"/"+way, func(t *testing.T) {
				shape := byName(t, name)
				ours, stocks := costOf(t, harness.StartRefract, way, shape), costOf(t, harness.StartStock, way, shape)
				t.Logf("refract: %d requests, %d bytes, %d connections; stock: %d, %d, %d",
					ours.Requests, ours.Bytes, ours.Connections, stocks.Requests, stocks.Bytes, stocks.Connections)
				if ours.Requests > stocks.Requests || ours.Bytes > stocks.Bytes {
					t.Errorf("refract asked %q, stock %q", ours.Log, stocks.Log)
				}
			})
		}
	}
}

// TestArtifactsCostNothing: what a pull takes does not depend on how many artifacts there are, but for the index's own bytes.
func TestArtifactsCostNothing(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			var before registry.Counts
			for i, count := range []int{0, 20, 200, 2000} {
				shape := shapes.BehindArtifacts(count)
				cost := costOf(t, harness.StartRefract, way, shape)
				cost.Bytes -= shape.Root.Size
				t.Logf("%d artifacts: %d requests, and %d bytes besides the index", count, cost.Requests, cost.Bytes)
				// More without any is right: there the index stays the target, and ctr wants the other platforms' manifests, too.
				if i > 0 && (cost.Requests > before.Requests || cost.Bytes > before.Bytes) {
					t.Errorf("%d artifacts: %q", count, cost.Log)
				}
				before = cost
			}
		})
	}
}
