// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	introspection "github.com/containerd/containerd/api/services/introspection/v1"
	leasesapi "github.com/containerd/containerd/api/services/leases/v1"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/refract-oci/refract/tests/programs"
)

// limit is how long anything may take that is waited for here.
const limit = 20 * time.Second

func poll(t *testing.T, done func() error) {
	t.Helper()
	if err := programs.Poll(limit, done); err != nil {
		t.Fatal(err)
	}
}

// A pull says which plugin of containerd is missing, or did not start, and what to do.
func TestMissingServicesAreNamed(t *testing.T) {
	up := newUpstream(t)
	up.plugins = nil // else it would be found complete before it is asked the first time
	_, conn := serve(t, up.address, Settings{Snapshotters: map[string]string{"kata": "native"}})
	pullError := func() error {
		_, err := cri.NewImageServiceClient(conn).PullImage(t.Context(), &cri.PullImageRequest{Image: &cri.ImageSpec{Image: "one"}})
		return err
	}
	check := func(plugins []*introspection.Plugin, words ...string) {
		t.Helper()
		up.mu.Lock()
		up.plugins = plugins
		up.mu.Unlock()
		err := pullError()
		if grpcstatus.Code(err) != codes.FailedPrecondition {
			t.Errorf("want an error with %q, got %v", words, err)
			return
		}
		for _, word := range append(words, up.address) {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("error %q lacks %q", err, word)
			}
		}
	}
	without := func(id string) []*introspection.Plugin {
		return slices.DeleteFunc(complete(), func(p *introspection.Plugin) bool { return p.ID == id })
	}
	for _, service := range needed {
		check(without(service), "io.containerd.grpc.v1."+service, "disabled_plugins")
	}
	check(without("overlayfs"), "io.containerd.snapshotter.v1.overlayfs", "containerd.snapshotter", "native")
	check(without("native"), "io.containerd.snapshotter.v1.native", "image.runtimes", "overlayfs")
	broken := complete()
	broken[0].InitErr = &status.Status{Code: int32(codes.Internal), Message: "no overlay here"}
	check(broken, "io.containerd.snapshotter.v1.overlayfs", "no overlay here")
}

// Leases of pulls that nobody knows go when containerd comes, also without a pull; those of another refractd stay.
func TestLeasesOfEarlierPullsGo(t *testing.T) {
	up := newUpstream(t)
	left := func() int {
		up.mu.Lock()
		defer up.mu.Unlock()
		return len(up.leases)
	}
	fill := func() {
		up.mu.Lock()
		defer up.mu.Unlock()
		for id, socket := range map[string]string{"a": "/run/own", "b": "/run/own", "running": "/run/own", "another's": "/run/another"} {
			up.leases[id] = &leasesapi.Lease{ID: id, Labels: map[string]string{leaseLabel: socket}}
		}
	}
	only := func(want int) {
		t.Helper()
		poll(t, func() error {
			if left() != want {
				return errors.New("leases are left")
			}
			return nil
		})
	}
	fill()
	service, _ := serve(t, up.address, Settings{Socket: "/run/own"})
	only(1)
	service.node.leases.note("running", true)
	up.stop()
	fill()
	up.start(t)
	only(2)
}
