// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package kubelet

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// TestPodsOutliveACrash kills what pulls, in the middle of the pulls of several pods, and starts it again: kubelet, which nobody
// restarts, tries again, and every pod runs.
func TestPodsOutliveACrash(t *testing.T) {
	// No more, because containerd downloads three things at a time.
	names := []string{"artifact-first-same-platform", "artifacts-before-nested", "images-first"}
	for _, way := range ours {
		t.Run(way.name, func(t *testing.T) {
			server, err := registry.Listen()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			n := way.start(t, `references = "fetch"`, harness.KubeletConfig{})
			release := make(chan struct{})
			var held atomic.Int32
			server.Inject(func(_ http.ResponseWriter, r *http.Request, target registry.Target) bool {
				if r.Method == http.MethodGet && target.Kind == "blobs" {
					held.Add(1)
					select {
					case <-release:
					case <-r.Context().Done():
					}
				}
				return false
			})
			for _, name := range names {
				server.Add(name, shapes.ByName(name), "latest")
				container := harness.StaticContainer{Name: "only", Image: server.Host() + "/" + name + ":latest"}
				if err := n.kubelet.AddPod(harness.StaticPod{Name: name, Containers: []harness.StaticContainer{container}}); err != nil {
					t.Fatal(err)
				}
			}
			err = programs.Poll(podsLimit, func() error {
				if count := int(held.Load()); count < len(names) {
					return fmt.Errorf("%d of %d pods pull", count, len(names))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if front := n.daemon.Front; front != nil {
				err = errors.Join(front.Kill(), front.Start())
			} else {
				err = errors.Join(n.daemon.Kill(), n.daemon.Start())
			}
			close(release)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				err := programs.Poll(podsLimit, func() error {
					err := n.ran(name, "only", shapes.ByName(name))
					// What failed meanwhile is tried again.
					if failed := new(programs.Hopeless); errors.As(err, failed) {
						err = failed.Reason
					}
					return err
				})
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}
