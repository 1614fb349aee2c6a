// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// waitFor polls until so many callers wait for the work of a key.
func waitFor(t *testing.T, f *flights[pull], key pull, callers int) {
	t.Helper()
	poll(t, func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		waiting := 0
		if one, ok := f.running[key]; ok {
			waiting = one.waiting
		}
		if waiting != callers {
			return fmt.Errorf("%d callers wait, want %d", waiting, callers)
		}
		return nil
	})
}

func TestEqualPullsAreOne(t *testing.T) {
	const callers = 100
	var f flights[pull]
	var works atomic.Int64
	key, release := pull{name: "one"}, make(chan struct{})
	for _, failure := range []error{nil, errors.New("broken")} {
		works.Store(0)
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				id, err := f.do(t.Context(), key, func(context.Context) (string, error) {
					works.Add(1)
					<-release
					return "id", failure
				})
				if id != "id" || !errors.Is(err, failure) {
					t.Errorf("%s, %v", id, err)
				}
			})
		}
		waitFor(t, &f, key, callers)
		release <- struct{}{}
		all.Wait()
		if works.Load() != 1 {
			t.Errorf("%d transfers", works.Load())
		}
	}
	// Nothing is remembered: the next one works again.
	if id, err := f.do(t.Context(), key, func(context.Context) (string, error) { return "new", nil }); id != "new" || err != nil {
		t.Errorf("%s, %v", id, err)
	}
	f.close(errStopping)
}

// Any difference of what a pull may see or where it goes makes it another pull.
func TestDifferentPullsAreNotShared(t *testing.T) {
	keys := []pull{
		{name: "one"}, {name: "two"}, {name: "one", snapshotter: "native"},
		{name: "one", credentials: credentialsOf(&cri.AuthConfig{Username: "u", Password: "p"})},
		{name: "one", credentials: credentialsOf(&cri.AuthConfig{Username: "u", Password: "q"})},
		{name: "one", credentials: credentialsOf(&cri.AuthConfig{Username: "v", Password: "p"})},
		{name: "one", credentials: credentialsOf(&cri.AuthConfig{Auth: "dTpw"})},
		{name: "one", credentials: credentialsOf(&cri.AuthConfig{IdentityToken: "t"})},
		{name: "one", credentials: credentialsOf(&cri.AuthConfig{RegistryToken: "t"})},
		{name: "one", credentials: credentialsOf(&cri.AuthConfig{Username: "u", Password: "p", ServerAddress: "https://a"})},
	}
	var f flights[pull]
	var works atomic.Int64
	release := make(chan struct{})
	var all sync.WaitGroup
	for _, key := range keys {
		all.Go(func() {
			if id, err := f.do(t.Context(), key, func(context.Context) (string, error) {
				works.Add(1)
				<-release
				return fmt.Sprint(key.name, key.snapshotter), nil
			}); err != nil || id != key.name+key.snapshotter {
				t.Errorf("%v: %s, %v", key, id, err)
			}
		})
	}
	for _, key := range keys {
		waitFor(t, &f, key, 1)
	}
	close(release)
	all.Wait()
	if works.Load() != int64(len(keys)) {
		t.Errorf("%d transfers, want %d", works.Load(), len(keys))
	}
}

// One caller's end is not the others'; the last one's is the pull's, and whoever comes then begins anew.
func TestCallersLeave(t *testing.T) {
	var f flights[pull]
	key, begun, ended := pull{name: "one"}, make(chan struct{}), make(chan error)
	work := func(ctx context.Context) (string, error) {
		begun <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return "", ctx.Err()
	}
	var cancels []context.CancelFunc
	left := make(chan error)
	for i := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		cancels = append(cancels, cancel)
		go func() { _, err := f.do(ctx, key, work); left <- err }()
		if i == 0 {
			<-begun
		}
	}
	waitFor(t, &f, key, 3)
	for i, cancel := range cancels {
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("caller %d left with %v", i, err)
		}
		select {
		case err := <-ended:
			if i < 2 {
				t.Errorf("the pull ended with %v when caller %d left", err, i)
			}
			continue
		default:
		}
		if i < 2 {
			waitFor(t, &f, key, 2-i)
			continue
		}
		// The cancelled work has not ended yet, and nobody joins it any more.
		if id, err := f.do(t.Context(), key, func(context.Context) (string, error) { return "new", nil }); id != "new" || err != nil {
			t.Errorf("%s, %v", id, err)
		}
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the pull ended with %v", err)
		}
	}
	f.close(errStopping)
	if _, err := f.do(t.Context(), key, work); !errors.Is(err, errStopping) {
		t.Errorf("after the end: %v", err)
	}
}

// What prints a pull does not print its secrets.
func TestPullsPrintNoSecrets(t *testing.T) {
	secret := credentialsOf(&cri.AuthConfig{Username: "canary", Password: "canary", Auth: "canary", IdentityToken: "canary", RegistryToken: "canary", ServerAddress: "canary"})
	key := pull{name: "one", credentials: secret}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, secret) + fmt.Sprintf(format, key); strings.Contains(text, "canary") {
			t.Errorf("%s prints %s", format, text)
		}
	}
}
