// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package service_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/containerd/containerd/v2/core/events"
	"github.com/containerd/containerd/v2/core/images"
	"google.golang.org/grpc/codes"

	"github.com/refract-oci/refract/plugin/service"
	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
	"github.com/refract-oci/refract/tests/shapes"
)

// watch is a running one.
type watch struct {
	t      *testing.T
	stream interface {
		Recv() (*refractv1.WatchResponse, error)
	}
	cancel context.CancelFunc
}

func (p *place) watch(existing bool) *watch {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.ctx)
	p.t.Cleanup(cancel)
	stream, err := p.raw.Watch(ctx, &refractv1.WatchRequest{Existing: existing})
	if err != nil {
		p.t.Fatal(err)
	}
	return &watch{p.t, stream, cancel}
}

// next waits for the next event, as a line.
func (w *watch) next() string {
	w.t.Helper()
	response, err := w.stream.Recv()
	if err != nil {
		w.t.Fatal(err)
	}
	line := func(what string, image *refractv1.Image) string {
		text := fmt.Sprintf("%s %s %d", what, image.GetListing().GetImage(), image.GetReferences())
		if image.GetError() != "" {
			text += " error " + image.GetError()
		} else if image.GetListing().GetTarget().GetDigest() == "" {
			w.t.Errorf("%s without target", text)
		}
		return text
	}
	switch event := response.Event.(type) {
	case *refractv1.WatchResponse_Existing:
		return line("existing", event.Existing)
	case *refractv1.WatchResponse_Begun:
		return "begun"
	case *refractv1.WatchResponse_Recorded:
		return line("recorded", event.Recorded)
	case *refractv1.WatchResponse_Updated:
		return line("updated", event.Updated)
	case *refractv1.WatchResponse_Removed:
		return "removed " + event.Removed.GetImage()
	default:
		return fmt.Sprintf("%T", event)
	}
}

func (w *watch) wants(lines ...string) {
	w.t.Helper()
	for _, want := range lines {
		if got := w.next(); got != want {
			w.t.Fatalf("told %q, want %q", got, want)
		}
	}
}

func TestWatchTellsOfImagesThatComeChangeAndGo(t *testing.T) {
	p := newPlace(t)
	before := p.pull(shapes.ByName("three-levels")).Name
	w, plain := p.watch(true), p.watch(false)
	w.wants("existing "+before+" 3", "begun")
	plain.wants("begun")
	image := p.pull(shapes.ByName("images-first"))
	w.wants("recorded " + image.Name + " 2")
	image.Labels["test"] = "changed"
	if _, err := p.Images.Update(p.ctx, image, "labels.test"); err != nil {
		t.Fatal(err)
	}
	w.wants("updated " + image.Name + " 2")
	if err := p.Images.Delete(p.ctx, image.Name); err != nil {
		t.Fatal(err)
	}
	w.wants("removed " + image.Name)
	if err := p.Images.Delete(p.ctx, before); err != nil {
		t.Fatal(err)
	}
	w.wants("removed " + before)
}

func TestWatchTellsOfBrokenImagesAndGoesOn(t *testing.T) {
	p := newPlace(t)
	shape := shapes.ByName("images-first")
	image := p.pull(shape)
	p.Spoil(t, shape.Root.Digest, make([]byte, shape.Root.Size))
	w := p.watch(true)
	for _, what := range []string{"existing", "recorded"} {
		if what == "recorded" {
			copied := images.Image{Name: "127.0.0.1:1/copied:latest", Target: image.Target, Labels: image.Labels}
			if _, err := p.Images.Create(p.ctx, copied); err != nil {
				t.Fatal(err)
			}
			image.Name = copied.Name
		}
		if got := w.next(); !strings.HasPrefix(got, what+" "+image.Name+" 0 error ") || !strings.Contains(got, shape.Root.Digest.String()) {
			t.Errorf("told %q", got)
		}
		if what == "existing" {
			w.wants("begun")
		}
	}
	good := p.pull(shapes.ByName("three-levels"))
	w.wants("recorded " + good.Name + " 3")
}

func TestWatchTellsOfItsNamespaceAlone(t *testing.T) {
	p := newPlace(t)
	w := p.watch(true)
	w.wants("begun")
	other := &place{Node: p.Node, t: t, ctx: otherNamespace(t)}
	other.pull(shapes.ByName("three-levels"))
	image := p.pull(shapes.ByName("images-first"))
	w.wants("recorded " + image.Name + " 2")
}

func TestWatchThatItsCallerEnds(t *testing.T) {
	p := newPlace(t)
	w := p.watch(false)
	w.wants("begun")
	w.cancel()
	_, err := w.stream.Recv()
	wantCode(t, err, codes.Canceled)
	// That nothing of it goes on, the package's check for goroutines tells.
}

func TestClientsWatchEndsWithoutErrorWhenItsContextEnds(t *testing.T) {
	p := newPlace(t)
	ctx, cancel := context.WithCancel(p.ctx)
	told := 0
	err := p.client.Watch(ctx, false, func(*refractv1.WatchResponse) error {
		told++
		cancel()
		return nil
	})
	if err != nil || told != 1 {
		t.Errorf("told %d times, error %v", told, err)
	}
}

func TestWatchEndsWithTheDaemon(t *testing.T) {
	p := newPlace(t)
	w := p.watch(false)
	w.wants("begun")
	p.server.Stop()
	p.server.Stop()
	_, err := w.stream.Recv()
	wantCode(t, err, codes.Unavailable)
}

// fragile are events that a test can break, and whose first marks come before anyone listens.
type fragile struct {
	service.Events
	broken chan error
	lost   atomic.Int32
}

func (f *fragile) Subscribe(ctx context.Context, filters ...string) (<-chan *events.Envelope, <-chan error) {
	from, failed := f.Events.Subscribe(ctx, filters...)
	both := make(chan error, 1)
	go func() {
		defer close(both)
		select {
		case err := <-f.broken:
			both <- err
		case err := <-failed:
			both <- err
		}
	}()
	return from, both
}

func (f *fragile) Publish(ctx context.Context, topic string, event events.Event) error {
	if f.lost.Add(1) <= 2 {
		return nil
	}
	return f.Events.Publish(ctx, topic, event)
}

// A remote containerd takes a subscription some time after it was asked for. Until then, marks are lost, and so would be changes.
func TestWatchBeginsWhenTheSubscriptionHas(t *testing.T) {
	var made *fragile
	p := newPlaceWith(t, func(under service.Events) service.Events {
		made = &fragile{Events: under, broken: make(chan error)}
		return made
	})
	p.watch(false).wants("begun")
	if sent := made.lost.Load(); sent < 3 {
		t.Errorf("begun after %d marks, the first of which two were lost", sent)
	}
}

func TestWatchEndsWithContainerdsEventsAndSaysSo(t *testing.T) {
	var made *fragile
	p := newPlaceWith(t, func(under service.Events) service.Events {
		made = &fragile{Events: under, broken: make(chan error)}
		return made
	})
	w := p.watch(false)
	w.wants("begun")
	made.broken <- errors.New("connection reset")
	_, err := w.stream.Recv()
	wantCode(t, err, codes.Unavailable)
	if !strings.Contains(err.Error(), "containerd's events ended (connection reset)") {
		t.Errorf("error %v", err)
	}
}
