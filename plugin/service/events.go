// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	eventstypes "github.com/containerd/containerd/api/events"
	"github.com/containerd/containerd/v2/core/events"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/typeurl/v2"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// markTopic is of the event by which a subscription knows that it has begun: containerd does not say so itself.
const markTopic = "/refract/watch"

// markPause is how long a mark may be on its way before another one is sent: the first one may have come too early.
const markPause = 50 * time.Millisecond

// mostChanges is how many images may have changed that a caller has not been sent yet.
const mostChanges = 50_000

// errBehind ends a watch that nobody reads.
var errBehind = fmt.Errorf("more than %d images have changed and this was not read, watch again: %w", mostChanges, errdefs.ErrResourceExhausted)

// change is what became of an image.
type change int

const (
	recorded change = iota
	updated
	removed
)

// subscription gathers the changes of a namespace's images. Of one image it knows the last change
// only, and of so many images, so that a caller who does not read fills no memory.
type subscription struct {
	// ready has something in it when there are changes.
	ready chan struct{}
	// ended is closed when containerd's events have ended; err says why.
	ended chan struct{}
	err   error
	stop  context.CancelFunc

	mu      sync.Mutex
	order   []string
	changes map[string]change
}

// subscribe returns when each event that comes from then on will be noted.
func subscribe(ctx context.Context, source Events) (*subscription, error) {
	namespace, err := namespaces.NamespaceRequired(ctx)
	if err != nil {
		return nil, err
	}
	under, stop := context.WithCancel(ctx)
	s := &subscription{ready: make(chan struct{}, 1), ended: make(chan struct{}), stop: stop, changes: map[string]change{}}
	incoming, failed := source.Subscribe(under, fmt.Sprintf(`namespace==%q,topic~="^/images/"`, namespace),
		fmt.Sprintf(`namespace==%q,topic==%q`, namespace, markTopic))
	mark, begun := rand.Text(), make(chan struct{})
	go s.gather(incoming, failed, mark, begun)
	again := time.NewTicker(markPause)
	defer again.Stop()
	for {
		if err := source.Publish(ctx, markTopic, wrapperspb.String(mark)); err != nil {
			s.close()
			return nil, fmt.Errorf("containerd's events: %w", err)
		}
		select {
		case <-begun:
			return s, nil
		case <-s.ended:
			s.close()
			return nil, s.err
		case <-ctx.Done():
			s.close()
			return nil, ctx.Err()
		case <-again.C:
		}
	}
}

// close ends it, and returns when nothing of it runs any more.
func (s *subscription) close() {
	s.stop()
	<-s.ended
}

// gather notes what comes until the source ends. begun is closed when the mark comes.
func (s *subscription) gather(incoming <-chan *events.Envelope, failed <-chan error, mark string, begun chan struct{}) {
	defer close(s.ended)
	for {
		select {
		case envelope := <-incoming:
			event, err := typeurl.UnmarshalAny(envelope.Event)
			if err != nil {
				s.err = fmt.Errorf("containerd's event %s: %w", envelope.Topic, err)
				s.stop()
				continue
			}
			switch event := event.(type) {
			case *eventstypes.ImageCreate:
				s.note(event.Name, recorded)
			case *eventstypes.ImageUpdate:
				s.note(event.Name, updated)
			case *eventstypes.ImageDelete:
				s.note(event.Name, removed)
			case *wrapperspb.StringValue:
				if begun != nil && event.Value == mark {
					close(begun)
					begun = nil
				}
			}
		case err := <-failed:
			if s.err == nil {
				s.err = eventsEnded(err)
			}
			return
		}
	}
}

// eventsEnded keeps the reason's text, but not what kind of error it is to containerd.
func eventsEnded(reason error) error {
	text := "without a reason"
	if reason != nil {
		text = reason.Error()
	}
	return fmt.Errorf("containerd's events ended (%s), watch again when it has come back: %w", text, errdefs.ErrUnavailable)
}

// note keeps an image's last change. One that the caller has not heard of yet stays recorded when it is updated.
func (s *subscription) note(name string, last change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, waiting := s.changes[name]
	if !waiting {
		if len(s.order) >= mostChanges {
			s.err = errBehind
			s.stop()
			return
		}
		s.order = append(s.order, name)
	}
	if !waiting || before != recorded || last != updated {
		s.changes[name] = last
	}
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// next takes the change that waits longest.
func (s *subscription) next() (name string, last change, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.order) == 0 {
		return "", 0, false
	}
	name = s.order[0]
	s.order = s.order[1:]
	last = s.changes[name]
	delete(s.changes, name)
	return name, last, true
}
