// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/refract-oci/refract/plugin/cmd/ctr-refract/command"
	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/references"
	"github.com/refract-oci/refract/plugin/service"
	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/shapes"
)

// watchLimit is how long a watch may take to tell of something.
const watchLimit = time.Minute

// served is a daemon whose socket has refract.v1.References, and how images get there.
type served struct {
	*harness.Daemon
	socket, namespace, by string
	client                *service.Client
}

// answering are both kinds: containerd-refract, and a containerd as it is behind refractd.
func answering(t *testing.T) map[string]*served {
	t.Helper()
	ours, behind := refractDaemon(t), behindDaemon(t)
	return map[string]*served{
		"containerd-refract": newServed(t, ours, ours.Socket, "service", "ctr"),
		"refractd":           newServed(t, behind, behind.Front.Socket, criNamespace, "cri"),
	}
}

func newServed(t *testing.T, daemon *harness.Daemon, socket, namespace, by string) *served {
	t.Helper()
	connection, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := connection.Close(); err != nil {
			t.Error(err)
		}
	})
	return &served{daemon, socket, namespace, by, service.NewClient(connection)}
}

func (s *served) in(ctx context.Context) context.Context {
	return namespaces.WithNamespace(ctx, s.namespace)
}

// pull pulls a shape, which goes with the test.
func (s *served) pull(t *testing.T, shape shapes.Shape) string {
	t.Helper()
	name := shared.tag(shape)
	t.Cleanup(func() { s.remove(t, name) })
	var err error
	if s.by == "cri" {
		_, err = s.CRIPull(t.Context(), name)
	} else {
		err = s.Pull(t.Context(), s.namespace, name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func (s *served) remove(t *testing.T, name string) {
	t.Helper()
	ctx := context.Background()
	var err error
	if s.by == "cri" {
		err = s.CRIRemove(ctx, name)
	} else if err = s.Client.ImageService().Delete(s.in(ctx), name); errdefs.IsNotFound(err) {
		err = nil
	}
	if err != nil {
		t.Error(err)
	}
}

// ask runs ctr-refract at a socket.
func (s *served) ask(t *testing.T, socket string, arguments ...string) harness.Result {
	t.Helper()
	result, err := s.CtrAt(t.Context(), shared.tools.RefractCtr, socket, s.namespace, append([]string{"references"}, arguments...)...)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// encoded is a listing for comparison, without what only a walk knows.
func encoded(t *testing.T, listing *references.Listing, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for i := range listing.References {
		listing.References[i].Place = native.Place{}
	}
	if len(listing.References) == 0 {
		listing.References = nil // over the wire, empty and nil are one
	}
	text, err := json.MarshalIndent(listing, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestServiceListsWhatTheStoresHave: of every shape, what the service lists is what is read over containerd's own services.
func TestServiceListsWhatTheStoresHave(t *testing.T) {
	runnable, _ := shared.runnable()
	for kind, at := range answering(t) {
		for _, shape := range runnable {
			t.Run(kind+"/"+shape.Name, func(t *testing.T) {
				name := at.pull(t, shape)
				ctx := at.in(t.Context())
				stores := references.Stores{Images: at.Client.ImageService(), Content: at.Client.ContentStore()}
				byStores, storesErr := stores.List(ctx, name)
				byService, serviceErr := at.client.List(ctx, name)
				if want, got := encoded(t, byStores, storesErr), encoded(t, byService, serviceErr); got != want {
					t.Errorf("the service lists\n%s\nthe stores have\n%s", got, want)
				}
			})
		}
	}
}

// TestCommandPrintsTheSameWithAndWithoutService: refractd's socket has the service and its containerd's has not; the images are the same.
func TestCommandPrintsTheSameWithAndWithoutService(t *testing.T) {
	at := answering(t)["refractd"]
	if _, err := newServed(t, at.Daemon, at.Socket, at.namespace, "cri").client.List(at.in(t.Context()), "x"); !errdefs.IsNotImplemented(err) {
		t.Fatalf("containerd's own socket answers %v", err)
	}
	shape := byName(t, "images-first")
	name := at.pull(t, shape)
	absent := "127.0.0.1:1/absent:latest"
	for _, c := range []struct {
		code      int
		arguments []string
		word      string
	}{
		{0, []string{"ls", name}, "sbom"},
		{0, []string{"ls", "--output", "json", name}, shape.References[1].String()},
		{0, []string{"tree", name}, "[selected]"},
		{0, []string{"tree", "--output", "json", name}, `"tree"`},
		{3, []string{"ls", absent}, "there is no image"},
		{3, []string{"get", name, "ffffffff"}, "ffffffff"},
		{0, []string{"images", shape.References[0].String()}, name},
		{0, []string{"images", "--output", "json", shape.Selected.Encoded()[:12]}, `"target"`},
		{3, []string{"images", "ffffffffffff"}, "belongs to no image"},
	} {
		with, without := at.ask(t, at.socket, c.arguments...), at.ask(t, at.Socket, c.arguments...)
		if with.Code != c.code || !strings.Contains(with.Stdout+with.Stderr, c.word) {
			t.Errorf("%q: exit code %d\n%s%s", c.arguments, with.Code, with.Stdout, with.Errors())
		}
		if with.Stdout != without.Stdout || with.Errors() != without.Errors() || with.Code != without.Code {
			t.Errorf("%q: with the service (exit code %d)\n%s%s\nwithout (exit code %d)\n%s%s", c.arguments,
				with.Code, with.Stdout, with.Errors(), without.Code, without.Stdout, without.Errors())
		}
	}
}

func TestServiceHonoursNamespaces(t *testing.T) {
	for kind, at := range answering(t) {
		t.Run(kind, func(t *testing.T) {
			name := at.pull(t, byName(t, "images-first"))
			if _, err := at.client.List(at.in(t.Context()), name); err != nil {
				t.Error(err)
			}
			if _, err := at.client.List(namespaces.WithNamespace(t.Context(), "elsewhere"), name); !errdefs.IsNotFound(err) {
				t.Errorf("in another namespace: %v", err)
			}
			if _, err := at.client.List(t.Context(), name); !errdefs.IsFailedPrecondition(err) {
				t.Errorf("without a namespace: %v", err)
			}
		})
	}
}

// watch makes a channel of what a watch tells, closed when it has ended, and of how it ended.
func (s *served) watch(t *testing.T, existing bool) (<-chan *refractv1.WatchResponse, <-chan error) {
	t.Helper()
	return s.watchBy(t, s.client, existing)
}

// watchBy does so by any of the ways that ctr-refract has.
func (s *served) watchBy(t *testing.T, by command.Reader, existing bool) (<-chan *refractv1.WatchResponse, <-chan error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(s.in(t.Context()), watchLimit)
	events, ended := make(chan *refractv1.WatchResponse), make(chan error, 1)
	go func() {
		ended <- by.Watch(ctx, existing, func(event *refractv1.WatchResponse) error {
			select {
			case events <- event:
			case <-ctx.Done():
			}
			return nil
		})
		close(events)
	}()
	t.Cleanup(func() {
		cancel()
		for range events {
			continue // until it has ended
		}
	})
	return events, ended
}

// until waits for an event. What else is told meanwhile, of this and of other images, is what other tests and CRI do.
func until(t *testing.T, events <-chan *refractv1.WatchResponse, is func(*refractv1.WatchResponse) bool) {
	t.Helper()
	for event := range events {
		if is(event) {
			return
		}
	}
	t.Fatal("the watch ended before it told of that")
}

func TestWatchTellsOfPullAndRemoval(t *testing.T) {
	all := answering(t)
	ways := map[string]command.Reader{}
	for kind, at := range all {
		ways[kind] = at.client
	}
	// As ctr-refract does it where there is no service.
	all["stores"] = all["refractd"]
	stock := all["stores"].Client
	ways["stores"] = command.OverStores(stock.ImageService(), stock.ContentStore(), stock.EventService())
	for kind, at := range all {
		t.Run(kind, func(t *testing.T) {
			there, shape := at.pull(t, byName(t, "three-levels")), byName(t, "images-first")
			events, _ := at.watchBy(t, ways[kind], true)
			until(t, events, func(event *refractv1.WatchResponse) bool {
				image := event.GetExisting()
				return image.GetListing().GetImage() == there && image.GetReferences() == 3
			})
			until(t, events, func(event *refractv1.WatchResponse) bool { return event.GetBegun() != nil })
			name := at.pull(t, shape)
			until(t, events, func(event *refractv1.WatchResponse) bool {
				image := event.GetRecorded()
				return image.GetListing().GetImage() == name && image.GetReferences() == uint32(len(shape.References)) && image.GetError() == "" &&
					image.GetListing().GetRoot().GetDigest() == shape.Root.Digest.String()
			})
			at.remove(t, name)
			until(t, events, func(event *refractv1.WatchResponse) bool { return event.GetRemoved().GetImage() == name })
		})
	}
}

func TestDigestIsFoundInItsImages(t *testing.T) {
	for kind, at := range answering(t) {
		t.Run(kind, func(t *testing.T) {
			shape := byName(t, "images-first")
			name := at.pull(t, shape)
			at.pull(t, byName(t, "three-levels"))
			for asked, want := range map[string]references.Role{
				shape.Root.Digest.String(): references.RoleIndex, shape.Selected.String(): references.RoleTarget, shape.References[0].String(): references.RoleReference,
				shape.Configs[shape.Selected].String(): references.RoleBlob,
			} {
				uses, err := at.client.Uses(at.in(t.Context()), asked)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.ContainsFunc(uses.Found, func(use references.Use) bool { return use.Image == name && use.Role == want }) {
					t.Errorf("%s is %+v, want %s of %s", asked, uses.Found, want, name)
				}
			}
		})
	}
}

// TestWatchEndsWhenContainerdGoes: who watches at refractd hears that containerd went away, and refractd does not wait for who watches.
func TestWatchEndsWhenContainerdGoes(t *testing.T) {
	for line, with := range map[string]starter{"2.4": harness.StartBehindRefractd, "2.2": harness.Start22BehindRefractd} {
		t.Run(line, func(t *testing.T) { watchAndStop(t, start(t, with, harness.Config{})) })
	}
}

func watchAndStop(t *testing.T, daemon *harness.Daemon) {
	t.Helper()
	at := newServed(t, daemon, daemon.Front.Socket, criNamespace, "cri")
	begun := func(event *refractv1.WatchResponse) bool { return event.GetBegun() != nil }
	events, ended := at.watch(t, false)
	until(t, events, begun)
	if err := daemon.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errdefs.IsUnavailable(err) || !strings.Contains(err.Error(), "containerd's events ended") {
		t.Errorf("the watch ended with %v", err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	// refractd's connection comes back a little later than containerd.
	err := programs.Poll(watchLimit, func() error {
		events, ended = at.watch(t, false)
		if event, ok := <-events; !ok || !begun(event) {
			return fmt.Errorf("the watch does not begin: %v, %w", event, <-ended)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Front.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errdefs.IsUnavailable(err) || !strings.Contains(err.Error(), "the daemon is stopping") {
		t.Errorf("the watch ended with %v", err)
	}
	if err := daemon.Front.Start(); err != nil {
		t.Fatal(err)
	}
}
