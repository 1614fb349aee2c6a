// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"fmt"
	"net/http"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"
)

// mostTries of the table below were made when it was written. There may be more, and never fewer.
const mostTries = 534

// ways are those in which a registry may send a client somewhere it did not ask for.
func ways() map[string]func(t *testing.T, to string) (command, string) {
	redirects := func(status int, kind string, run func(s *site, flags ...string) command) func(*testing.T, string) (command, string) {
		return func(t *testing.T, to string) (command, string) {
			return run(listen(t, false, newContent().instead(kind, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, to, status)
			}))), "private network"
		}
	}
	return map[string]func(t *testing.T, to string) (command, string){
		"manifest, 301": redirects(http.StatusMovedPermanently, "manifests", inspect),
		"manifest, 302": redirects(http.StatusFound, "manifests", inspect),
		"manifest, 303": redirects(http.StatusSeeOther, "manifests", inspect),
		"manifest, 307": redirects(http.StatusTemporaryRedirect, "manifests", inspect),
		"manifest, 308": redirects(http.StatusPermanentRedirect, "manifests", inspect),
		"blob":          redirects(http.StatusTemporaryRedirect, "blobs", get),
		"tags": redirects(http.StatusTemporaryRedirect, "tags", func(s *site, flags ...string) command {
			return asking(s, append([]string{"references", "ls", "--source", "digest-tag"}, flags...)...)
		}),
		"referrers": redirects(http.StatusTemporaryRedirect, "referrers", list),
		"second redirect": func(t *testing.T, to string) (command, string) {
			other := listen(t, false, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) })
			s := listen(t, false, newContent().instead("manifests", func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, other.url("/"), http.StatusFound)
			}))
			return inspect(s, "--allow-host", other.host()), "private network"
		},
		"realm": func(t *testing.T, to string) (command, string) {
			return inspect(sendsTo(t, false, to)), "private network"
		},
		"redirect of a token server": func(t *testing.T, to string) (command, string) {
			issuer := listen(t, false, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) })
			return inspect(sendsTo(t, false, issuer.url("/token")), "--allow-host", issuer.host()), "private network"
		},
		"realm after a redirect": func(t *testing.T, to string) (command, string) {
			other := listen(t, false, func(w http.ResponseWriter, _ *http.Request) { asksForToken(w, to) })
			s := listen(t, false, newContent().instead("manifests", func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, other.url("/"), http.StatusFound)
			}))
			return inspect(s, "--allow-host", other.host()), "private network"
		},
		"next page": func(t *testing.T, to string) (command, string) {
			return list(listen(t, false, lists(newContent(), func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Link", "<"+to+`>; rel="next"`)
				send(w, indexOf())
			}))), "next page"
		},
	}
}

// TestNoWayLeadsInside: every spelling of an address inside, by every way: nobody connects.
func TestNoWayLeadsInside(t *testing.T) {
	evil := canary(t)
	var tries atomic.Int64
	var group errgroup.Group
	group.SetLimit(4)
	for way, begin := range ways() {
		for name, host := range forms(evil.port()) {
			made, words := begin(t, "http://"+host+"/steal")
			group.Go(func() error {
				got := made.run(t)
				tries.Add(1)
				if !strings.Contains(got.stderr, words) {
					t.Errorf("%s to %s: it exits with %d and says %q", way, name, got.code, got.stderr)
				}
				return nil
			})
		}
	}
	_ = group.Wait()
	t.Logf("%d attempts, %d connections", tries.Load(), evil.connections.Load())
	evil.isUntouched(t)
	if n := tries.Load(); n < mostTries {
		t.Errorf("only %d attempts were made, there were %d once", n, mostTries)
	}
}

// TestOwnPublicAddressIsNotAsked: a service that listens on all addresses of this machine listens on its public ones, too.
func TestOwnPublicAddressIsNotAsked(t *testing.T) {
	const own = "8.8.4.4"
	// This thread, and all that it starts, has a network of its own; it ends with the test.
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		t.Fatal("it needs root: ", err)
	}
	for _, words := range [][]string{{"link", "set", "lo", "up"}, {"address", "add", own + "/32", "dev", "lo"}, {"-6", "address", "add", "2606:4700::1111/128", "dev", "lo"}} {
		if said, err := exec.Command("ip", words...).CombinedOutput(); err != nil && words[0] != "-6" {
			t.Fatalf("ip %q: %s: %v", words, said, err)
		}
	}
	evil := canary(t)
	for _, host := range []string{own, "[::ffff:" + own + "]", "[64:ff9b::" + own + "]", "[2002:808:404::1]", "[2606:4700::1111]"} {
		for way, begin := range ways() {
			if way == "next page" {
				continue
			}
			made, _ := begin(t, fmt.Sprintf("http://%s:%s/steal", host, evil.port()))
			if got := made.run(t); !strings.Contains(got.stderr, "this machine itself") {
				t.Errorf("%s to %s: it exits with %d and says %q", way, host, got.code, got.stderr)
			}
		}
	}
	evil.isUntouched(t)
}
