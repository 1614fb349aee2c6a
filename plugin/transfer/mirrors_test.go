// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/transfer/image"
	source "github.com/containerd/containerd/v2/core/transfer/registry"
	"github.com/containerd/errdefs"

	"github.com/refract-oci/refract/plugin/imagelabels"
	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/transfer"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

var everyPlace = []policy.Place{policy.PlaceDigestTag, policy.PlaceReferrers, policy.PlaceCosign}

// silent is a host that takes connections and answers to none. It counts them.
type silent struct {
	net.Listener
	mu    sync.Mutex
	taken []net.Conn
}

func listenSilently(t *testing.T) *silent {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &silent{Listener: listener}
	var over sync.WaitGroup
	over.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.taken = append(s.taken, conn)
			s.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		listener.Close()
		over.Wait()
		for _, conn := range s.taken {
			conn.Close()
		}
	})
	return s
}

func (s *silent) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.taken)
}

// mirrored is an image of registry.example that a mirror has, which knows no list of referrers, before an upstream.
type mirrored struct {
	*registry.Server
	shape shapes.Shape
	hosts string // folder
}

const mirroredName = "registry.example/app:v1"

func serveMirrored(t *testing.T, shape, upstream string) *mirrored {
	t.Helper()
	server, err := registry.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	made := &mirrored{Server: server, shape: shapes.ByName(shape)}
	server.Add("app", made.shape, "v1")
	made.hosts = hostsFolder(t, "registry.example", fmt.Sprintf("server = %q\n[host.%q]\n", "http://"+upstream, "http://"+server.Host()))
	return made
}

func (m *mirrored) pull(ctx context.Context, n *node, p policy.Policy) error {
	from, err := source.NewOCIRegistry(ctx, mirroredName, source.WithHostDir(m.hosts))
	if err != nil {
		return err
	}
	return transfer.New(n.stock, n.db.ContentStore(), p, nil).Transfer(ctx, from, image.NewStore(mirroredName, image.WithPlatforms(amd64)))
}

// The host that gave the image says what there is beside it: where it has nothing, nobody behind it is asked. Here nobody would ever
// answer, and the deadline is longer than any test may take.
func TestHostThatGaveTheImageAnswersForAll(t *testing.T) {
	for _, shape := range []string{"images-first", "single-manifest"} {
		upstream := listenSilently(t)
		mirror := serveMirrored(t, shape, upstream.Addr().String())
		ctx, node := newNode(t)
		p := policy.Default()
		p.Discover, p.Deadline = everyPlace, 24*time.Hour
		if err := mirror.pull(ctx, node, p); err != nil {
			t.Fatal(err)
		}
		if asked := upstream.connections(); asked != 0 {
			t.Errorf("%s: the upstream was asked %d times", shape, asked)
		}
		if why := imagelabels.NotSearched(node.get(ctx, t, mirroredName).Labels); why != "" {
			t.Errorf("%s: not looked for: %s", shape, why)
		}
		p.Required = []string{"scan"}
		if err := mirror.pull(ctx, node, p); !errdefs.IsPermissionDenied(err) {
			t.Errorf("%s: required: %v", shape, err)
		}
	}
}

// Where the mirror does not know, the upstream is asked; one that does not answer is waited for once, whatever else there is to ask.
func TestHostThatDoesNotAnswerIsWaitedForOnce(t *testing.T) {
	takes := listenSilently(t)
	for name, address := range map[string]string{"silent": takes.Addr().String(), "refuses": refusing(t), "drops what comes": dropping(t)} {
		t.Run(name, func(t *testing.T) {
			mirror := serveMirrored(t, "single-manifest", address)
			mirror.Inject(func(w http.ResponseWriter, r *http.Request, target registry.Target) bool {
				return isOptional(target) && registry.Status(http.StatusBadGateway)(w, r, target)
			})
			ctx, node := newNode(t)
			p := policy.Default()
			p.Discover, p.Deadline = []policy.Place{policy.PlaceReferrers}, 9*time.Second
			if err := mirror.pull(ctx, node, p); err != nil {
				t.Fatal(err)
			}
			if asked := takes.connections(); name == "silent" && asked != 1 {
				t.Errorf("the upstream was asked %d times", asked)
			}
			if why := imagelabels.NotSearched(node.get(ctx, t, mirroredName).Labels); !strings.Contains(why, "sha256:") {
				t.Errorf("not looked for: %q", why)
			}
			p.Required = []string{"scan"}
			err := mirror.pull(ctx, node, p)
			if !errdefs.IsUnavailable(err) || errdefs.IsPermissionDenied(err) || !strings.Contains(err.Error(), "scan") {
				t.Errorf("required: %v", err)
			}
		})
	}
}

// refusing is the address of a port at which nobody listens.
func refusing(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	return listener.Addr().String()
}

// dropping is the address of a port to which no connection comes about: its queue is full, so that the kernel drops what comes.
func dropping(t *testing.T) string {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(socket) })
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(socket, 0); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port)
	for {
		conn, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { conn.Close() })
	}
}

// isOptional tells whether a request asks for what is attached, and not for the image.
func isOptional(target registry.Target) bool {
	return target.Kind == "referrers" || strings.HasPrefix(target.Reference, "sha256-")
}

// The limits of a look-up end it, not the pull: what was not looked for is told, and is never taken for a no.
func TestLookupKeepsWithinItsLimits(t *testing.T) {
	never := make(chan struct{})
	cases := map[string]struct {
		limit func(*policy.Policy)
		fault registry.Fault
		words string
	}{
		"requests": {func(p *policy.Policy) { p.MaxRequests = 3 }, nil, "limit of 3 requests"},
		"deadline": {func(p *policy.Policy) { p.Deadline = 300 * time.Millisecond }, registry.Hold(never, make(chan registry.Target)), "in time"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			served := serveEverywhere(t)
			served.Inject(func(w http.ResponseWriter, r *http.Request, target registry.Target) bool {
				return c.fault != nil && isOptional(target) && c.fault(w, r, target)
			})
			ctx, node := newNode(t)
			p := policy.Default()
			p.Discover = everyPlace
			c.limit(&p)
			if err := node.pull(ctx, served.name(), p); err != nil {
				t.Fatal(err)
			}
			asked := 0
			for _, request := range served.Counts().Log {
				if strings.Contains(request, "referrers") || strings.Contains(request, " sha256-") {
					asked++
				}
			}
			if p.MaxRequests == 3 && asked > 3 {
				t.Errorf("%d requests", asked)
			}
			if why := imagelabels.NotSearched(node.get(ctx, t, served.name()).Labels); !strings.Contains(why, c.words) {
				t.Errorf("not looked for: %q", why)
			}
			p.Required = []string{"licence of nobody"}
			if err := node.pull(ctx, served.name(), p); !errdefs.IsUnavailable(err) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("required: %v", err)
			}
		})
	}
}

// What registries answer that have no list of referrers or no such tag, or that are broken, ends no pull; and nothing is asked twice.
func TestAnswersThatAreNoList(t *testing.T) {
	page := func(mediaType, text string) registry.Fault { return registry.Body(mediaType, []byte(text)) }
	faults := map[string]registry.Fault{
		"303 to 429": func(w http.ResponseWriter, r *http.Request, target registry.Target) bool {
			if strings.Contains(r.URL.RawQuery, "again") {
				return registry.Status(http.StatusTooManyRequests)(w, r, target)
			}
			http.Redirect(w, r, r.URL.Path+"?again=1", http.StatusSeeOther)
			return true
		},
		"HTML": page("text/html", "<html></html>"), "nothing": page("application/json", ""), "{}": page("application/json", "{}"),
		"204": func(w http.ResponseWriter, _ *http.Request, _ registry.Target) bool {
			w.WriteHeader(http.StatusNoContent)
			return true
		},
	}
	for _, status := range []int{401, 403, 406, 415, 429, 500, 503} {
		faults[fmt.Sprint(status)] = registry.Status(status)
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			served := serveEverywhere(t)
			served.Inject(func(w http.ResponseWriter, r *http.Request, target registry.Target) bool {
				return isOptional(target) && fault(w, r, target)
			})
			ctx, node := newNode(t)
			if err := node.pull(ctx, served.name(), discovering(everyPlace...)); err != nil {
				t.Fatal(err)
			}
			fetched := imagelabels.Fetched(node.get(ctx, t, served.name()).Labels)
			slices.Sort(fetched)
			if !slices.Equal(fetched, served.from(inIndex...)) {
				t.Errorf("fetched %v", fetched)
			}
			times := map[string]int{}
			for _, request := range served.Counts().Log {
				if strings.Contains(request, "referrers") {
					times[request]++
				}
			}
			for request, count := range times {
				// Once more where the first answer sends elsewhere, which the log does not tell apart.
				if count > 1 && (name != "303 to 429" || count > 2) {
					t.Errorf("%d times %s", count, request)
				}
			}
		})
	}
}

// What a client sends over gRPC says where to pull from, and so where to look: containerd's source forgets it.
func TestLookupGoesWhereTheClientSaid(t *testing.T) {
	served := serveEverywhere(t)
	dir := hostsFolder(t, "registry.example", fmt.Sprintf("server = %q\n", "http://"+served.Host()))
	_, port, err := net.SplitHostPort(served.Host())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		image  string
		option source.Opt
	}{
		"folder of hosts": {mirroredName, source.WithHostDir(dir)},
		// An address of this machine that containerd does not take for one, and so would speak TLS to.
		"plain HTTP": {"0.0.0.0:" + port + "/app:v1", source.WithDefaultScheme("http")},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, node := newNode(t)
			said, err := source.NewOCIRegistry(ctx, c.image, c.option)
			if err != nil {
				t.Fatal(err)
			}
			wire, err := said.MarshalAny(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			from := &source.OCIRegistry{}
			if err := from.UnmarshalAny(ctx, nil, wire); err != nil {
				t.Fatal(err)
			}
			p := requiring(policy.RequiredRefuse, "scan")
			p.Discover = everyPlace
			to := image.NewStore(c.image, image.WithPlatforms(amd64))
			if err := transfer.New(node.stock, node.db.ContentStore(), p, nil).Transfer(transfer.WithSent(ctx, wire), from, to); err != nil {
				t.Error(err)
			}
		})
	}
}
