// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/registry"
)

// TestEqualPullsAreShared: 100 pods pull a private image at the same time with the same secret, which is one set of requests;
// pulls with another secret, or none, are refused meanwhile, though all that they ask for is on its way.
func TestEqualPullsAreShared(t *testing.T) {
	shape := byName(t, "artifact-first-same-platform")
	for _, bearer := range []bool{false, true} {
		t.Run(map[bool]string{false: "basic", true: "bearer"}[bearer], func(t *testing.T) {
			auth := registry.Auth{User: "user", Password: "right", Bearer: bearer}
			server, name := privateRegistry(t, auth, shape)
			pull := func(daemon *harness.Daemon, sent *cri.AuthConfig) error {
				_, err := daemon.Images.PullImage(t.Context(), &cri.PullImageRequest{Image: &cri.ImageSpec{Image: name}, Auth: sent})
				return err
			}
			right := &cri.AuthConfig{Username: auth.User, Password: auth.Password}

			one := start(t, harness.StartBehindRefractd, harness.Config{})
			if err := pull(one, right); err != nil {
				t.Fatal(err)
			}
			alone := server.Counts()

			daemon := start(t, harness.StartBehindRefractd, harness.Config{})
			server.Reset()
			release, held := make(chan struct{}), make(chan registry.Target, 1)
			server.Inject(registry.OnGet(partsOf(shape)["layer"], registry.Hold(release, held)))
			var pulls errgroup.Group
			const callers = 100
			for range callers {
				pulls.Go(func() error { return pull(daemon, right) })
			}
			<-held
			// All have arrived when refractd's log says so.
			err := programs.Poll(eventLimit, func() error {
				log, err := daemon.Front.Log()
				if count := strings.Count(log, "msg=PullImage "); err == nil && count < callers {
					err = fmt.Errorf("%d of %d pulls have begun", count, callers)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			before := server.Counts().Requests
			for what, wrong := range map[string]*cri.AuthConfig{
				"no secret": nil, "a wrong one": {Username: auth.User, Password: "wrong"}, "one for another server": {
					Username: auth.User, Password: auth.Password, ServerAddress: "https://elsewhere.example",
				},
			} {
				if err := pull(daemon, wrong); err == nil || !strings.Contains(err.Error(), "401") && !strings.Contains(err.Error(), "authorization failed") {
					t.Errorf("with %s: %v", what, err)
				}
			}
			refusals := server.Counts().Requests - before
			close(release)
			if err := pulls.Wait(); err != nil {
				t.Fatal(err)
			}
			together := server.Counts()
			t.Logf("one pull: %d requests, %d pulls: %d and %d of those that were refused", alone.Requests, callers, together.Requests-refusals, refusals)
			if together.Requests-refusals != alone.Requests {
				t.Errorf("%d pulls asked %q, one %q", callers, together.Log, alone.Log)
			}
			// What is there now is no reason to let a pod have it without asking the registry.
			if err := pull(daemon, nil); err == nil {
				t.Error("pulled without a secret what others had pulled with one")
			}
			if err := daemon.CRIRemove(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			nothingStays(t, daemon, criNamespace)
		})
	}
}

// TestRefractdsOwnSettings: headers go to the registry with every request, and programs that judge images are asked before
// anything is pulled; their reason reaches the pod.
func TestRefractdsOwnSettings(t *testing.T) {
	dir, err := os.MkdirTemp(shared.dir, "verifiers-")
	if err != nil {
		t.Fatal(err)
	}
	shape := byName(t, "artifact-first-same-platform")
	server, name := ownRegistry(t, shape)
	var requests, marked atomic.Int64
	server.Inject(func(_ http.ResponseWriter, r *http.Request, _ registry.Target) bool {
		requests.Add(1)
		if slices.Equal(r.Header["X-Node"], []string{"one", "two"}) {
			marked.Add(1)
		}
		return false
	})
	daemon := start(t, harness.StartBehindRefractd, harness.Config{
		Refractd: "registry.headers.x-node = [\"one\", \"two\"]", Flags: []string{"--image_verifier.bin_dir", dir},
	})
	if _, err := daemon.CRIPull(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if requests.Load() == 0 || marked.Load() != requests.Load() {
		t.Errorf("of %d requests, %d had the header", requests.Load(), marked.Load())
	}
	if err := daemon.CRIRemove(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	verifier := "#!/bin/sh\ncat >/dev/null\necho \"no $4 here\"\nexit 1\n"
	if err := os.WriteFile(filepath.Join(dir, "judge"), []byte(verifier), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err = daemon.CRIPull(t.Context(), name)
	if err == nil || !strings.Contains(err.Error(), "no "+shape.Root.Digest.String()+" here") {
		t.Errorf("the verifier's reason is not in %v", err)
	}
	nothingStays(t, daemon, criNamespace)
}
