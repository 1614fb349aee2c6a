// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/containerd/v2/pkg/namespaces"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/registry"
)

// atOnce is how many pulls run when a daemon is killed.
const atOnce = 50

// ourLeases filters those of refractd's pulls.
const ourLeases = `labels."refract.io/refractd"`

// manyImages are that many images in a registry of the test's own: their indexes differ, and all lead to the same manifest.
func manyImages(t *testing.T) (*registry.Server, []string) {
	t.Helper()
	shape := byName(t, "artifact-first-same-platform")
	server, _ := ownRegistry(t, shape)
	var names []string
	for i := range atOnce {
		repository := fmt.Sprintf("many-%d", i)
		server.Add(repository, noted(shape, repository), "latest")
		names = append(names, server.Host()+"/"+repository+":latest")
	}
	return server, names
}

// leaseCount is how many leases of pods' namespace match.
func leaseCount(t *testing.T, daemon *harness.Daemon, filters ...string) (int, error) {
	found, err := daemon.Client.LeasesService().List(namespaces.WithNamespace(t.Context(), criNamespace), filters...)
	return len(found), err
}

// amid begins to pull all images, kills when every pull has begun and the registry holds back their layer, and returns how each
// pull ended.
func amid(t *testing.T, daemon *harness.Daemon, server *registry.Server, names []string, kill func() error, filters ...string) []error {
	t.Helper()
	shape := byName(t, "artifact-first-same-platform")
	release, held := make(chan struct{}), make(chan registry.Target, 1)
	server.Inject(registry.OnGet(partsOf(shape)["layer"], registry.Hold(release, held)))
	ended := make([]error, len(names))
	var pulls sync.WaitGroup
	for i, name := range names {
		pulls.Go(func() { _, ended[i] = daemon.CRIPull(t.Context(), name) })
	}
	<-held
	err := programs.Poll(eventLimit, func() error {
		count, err := leaseCount(t, daemon, filters...)
		if err == nil && count != len(names) {
			err = fmt.Errorf("%d leases", count)
		}
		return err
	})
	if err = errors.Join(err, kill()); err != nil {
		t.Fatal(err)
	}
	pulls.Wait()
	close(release)
	server.Inject(nil)
	return ended
}

// whole pulls all at once, runs some, and removes them: nothing must be left.
func whole(t *testing.T, daemon *harness.Daemon, names []string) {
	t.Helper()
	var pulls errgroup.Group
	for _, name := range names {
		pulls.Go(func() error {
			if _, err := daemon.CRIPull(t.Context(), name); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	if err := pulls.Wait(); err != nil {
		t.Fatal(err)
	}
	want := byName(t, "artifact-first-same-platform").Output
	if output, err := daemon.Run(t.Context(), criNamespace, names[len(names)-1]); err != nil || output != want {
		t.Errorf("it printed %q, want %q: %v", output, want, err)
	}
	// To CRI they are one image with many names.
	if err := daemon.CRIRemove(t.Context(), names[0]); err != nil {
		t.Fatal(err)
	}
	if err := programs.Poll(eventLimit, func() error {
		if err := daemon.Collect(t.Context(), criNamespace); err != nil {
			return err
		}
		left, err := daemon.Contents(t.Context(), criNamespace)
		return errors.Join(err, left.Empty())
	}); err != nil {
		t.Error(err)
	}
}

func noLeases(t *testing.T, daemon *harness.Daemon) {
	t.Helper()
	err := programs.Poll(eventLimit, func() error {
		count, err := leaseCount(t, daemon, ourLeases)
		if err == nil && count != 0 {
			err = fmt.Errorf("%d leases of ours are left", count)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestRefractdIsKilled: kill -9 amid many pulls; when it is back its leases go, every pull succeeds, and nothing stays.
func TestRefractdIsKilled(t *testing.T) {
	daemon := start(t, harness.StartBehindRefractd, harness.Config{})
	server, names := manyImages(t)
	for i, err := range amid(t, daemon, server, names, daemon.Front.Kill, ourLeases) {
		if status.Code(err) != codes.Unavailable {
			t.Errorf("%s ended with %v", names[i], err)
		}
	}
	if count, err := leaseCount(t, daemon, ourLeases); err != nil || count != len(names) {
		t.Errorf("the killed refractd left %d leases (%v), so there is nothing to clean up", count, err)
	}
	if err := daemon.Front.Start(); err != nil {
		t.Fatal(err)
	}
	noLeases(t, daemon)
	whole(t, daemon, names)
}

// TestContainerdIsKilledBehindRefractd: refractd finds it again by itself, deletes what its pulls had left, and pulls.
func TestContainerdIsKilledBehindRefractd(t *testing.T) {
	daemon := start(t, harness.StartBehindRefractd, harness.Config{})
	pid := daemon.Front.PID()
	server, names := manyImages(t)
	for i, err := range amid(t, daemon, server, names, daemon.Kill, ourLeases) {
		if status.Code(err) != codes.Unavailable || !strings.Contains(status.Convert(err).Message(), daemon.Socket) {
			t.Errorf("%s ended with %v, which does not name %s", names[i], err, daemon.Socket)
		}
	}
	_, err := daemon.CRIStatus(t.Context(), names[0])
	if status.Code(err) != codes.Unavailable || !strings.Contains(status.Convert(err).Message(), daemon.Socket) {
		t.Errorf("status without containerd: %v, which does not name %s", err, daemon.Socket)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	noLeases(t, daemon)
	whole(t, daemon, names)
	if err := daemon.Front.Running(); err != nil || daemon.Front.PID() != pid {
		t.Errorf("refractd did not live through it: %v", err)
	}
}

// TestStockIsKilled is the control: what a containerd alone leaves behind when it is killed like that.
func TestStockIsKilled(t *testing.T) {
	daemon := start(t, harness.StartStock, harness.Config{})
	server, names := manyImages(t)
	for i, err := range amid(t, daemon, server, names, daemon.Kill) {
		if err == nil {
			t.Errorf("%s was pulled", names[i])
		}
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	left, err := daemon.Client.LeasesService().List(namespaces.WithNamespace(context.Background(), criNamespace))
	if err != nil {
		t.Fatal(err)
	}
	expiring := 0
	for _, lease := range left {
		if lease.Labels["containerd.io/gc.expire"] != "" {
			expiring++
		}
	}
	t.Logf("stock containerd, killed amid %d pulls, keeps %d leases, %d of them until they expire", len(names), len(left), expiring)
}
