// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/registry"
)

// holding is what a daemon holds: what must not grow by pulls that came to nothing.
type holding struct{ goroutines, descriptors, threads int }

func heldBy(t *testing.T, address string) holding {
	t.Helper()
	_, text := get(t, "http://"+address+"/metrics")
	read := func(name string) int {
		for line := range strings.Lines(text) {
			if value, ok := strings.CutPrefix(line, name+" "); ok {
				number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
				if err != nil {
					t.Fatal(err)
				}
				return int(number)
			}
		}
		t.Fatalf("there is no %s", name)
		return 0
	}
	return holding{read("go_goroutines"), read("process_open_fds"), read("go_threads")}
}

// within tells what of it is more than before and a few.
func (h holding) within(before holding) error {
	const few = 5
	if h.goroutines > before.goroutines+few || h.descriptors > before.descriptors+few || h.threads > before.threads+few {
		return fmt.Errorf("%+v, before %+v", h, before)
	}
	return nil
}

// TestFailedPullsBehindRefractdLeakNothing: thousands that are refused, not found, forbidden, or cancelled while the registry is asked.
func TestFailedPullsBehindRefractdLeakNothing(t *testing.T) {
	const pulls, atATime = 10_000, 16
	address := freeAddress(t)
	daemon := start(t, harness.StartBehindRefractd, harness.Config{Refractd: fmt.Sprintf("metrics_address = %q\n", address)})
	server, _ := ownRegistry(t, byName(t, "refused-only-artifacts"))
	waiting := make([]chan struct{}, atATime)
	for i := range waiting {
		waiting[i] = make(chan struct{}, 1)
		server.Add(fmt.Sprintf("app-%d", i), byName(t, "refused-only-artifacts"), "refused", "held", "forbidden")
	}
	server.Inject(func(w http.ResponseWriter, r *http.Request, target registry.Target) bool {
		// containerd's resolver makes connections of its own for each pull and lets go of them when they were idle for long.
		w.Header().Set("Connection", "close")
		switch target.Reference {
		case "forbidden":
			w.WriteHeader(http.StatusForbidden)
			return true
		case "held":
			of, err := strconv.Atoi(strings.TrimPrefix(target.Repository, "app-"))
			if err != nil {
				t.Error(err)
				return false
			}
			select {
			case waiting[of] <- struct{}{}:
			default:
			}
			<-r.Context().Done()
			return true
		}
		return false
	})
	all := func(count int) {
		var pulling errgroup.Group
		for worker := range atATime {
			pulling.Go(func() error {
				for i := range count / atATime {
					tag := []string{"refused", "not-there", "forbidden", "held"}[i%4]
					ctx, cancel := context.WithCancel(t.Context())
					if tag == "held" {
						go func() {
							<-waiting[worker]
							cancel()
						}()
					}
					_, err := daemon.CRIPull(ctx, fmt.Sprintf("%s/app-%d:%s", server.Host(), worker, tag))
					cancel()
					if err == nil {
						return fmt.Errorf("%s was pulled", tag)
					}
				}
				return nil
			})
		}
		if err := pulling.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	all(20 * atATime) // for what is made once
	before := heldBy(t, address)
	all(pulls)
	var after holding
	if err := programs.Poll(eventLimit, func() error {
		after = heldBy(t, address)
		return after.within(before)
	}); err != nil {
		t.Error(err)
	}
	t.Logf("%d pulls: %+v, before %+v", pulls, after, before)
	if count, err := leaseCount(t, daemon, ourLeases); err != nil || count != 0 {
		t.Errorf("%d leases are left: %v", count, err)
	}
	nothingStays(t, daemon, criNamespace)
}
