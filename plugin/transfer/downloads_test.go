// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"errors"
	"io"
	"net/http/httptrace"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

var someLayer = digest.FromString("layer")

// paced is a body that waits for containerd's limit before its host is asked, and then brings so many bytes each time.
type paced struct {
	ctx    context.Context
	limit  time.Duration
	pause  time.Duration
	bytes  int
	opened bool
}

func (p *paced) Read(bytes []byte) (int, error) {
	if !p.opened {
		p.opened = true
		<-time.After(p.limit)
		httptrace.ContextClientTrace(p.ctx).GetConn("registry.example:443")
	}
	<-time.After(p.pause)
	return min(p.bytes, len(bytes)), nil
}

func (p *paced) Close() error { return nil }

// begin begins a download, reads its body until it is ended, and writes to a disk that takes as long.
func begin(ctx context.Context, t *testing.T, s *Sharing, body *paced, disk time.Duration) (one *download, end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	one = s.begin(partyOf(ctx), someLayer)
	fetcher := measured(ctx, remotes.FetcherFunc(func(ctx context.Context, _ ocispec.Descriptor) (io.ReadCloser, error) {
		body.ctx = ctx
		return body, nil
	}))
	opened, err := fetcher.Fetch(ctx, ocispec.Descriptor{Digest: someLayer})
	if err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		for ctx.Err() == nil {
			_, _ = opened.Read(make([]byte, 1<<20))
			<-time.After(disk)
		}
	})
	return one, func() {
		cancel()
		reading.Wait()
		s.end(one)
	}
}

func TestWhichDownloadsAreWaitedFor(t *testing.T) {
	for _, c := range []struct {
		name  string
		body  paced
		disk  time.Duration
		after time.Duration
		slow  bool
	}{
		{"a byte a second", paced{pause: time.Second, bytes: 1}, 0, 11 * time.Second, true},
		{"a byte a second, for a while", paced{pause: time.Second, bytes: 1}, 0, 9 * time.Second, false},
		{"a byte a second, for hours", paced{pause: time.Second, bytes: 1}, 0, 3*time.Hour + 5*time.Second, true},
		{"no byte", paced{pause: time.Hour}, 0, 11 * time.Second, true},
		{"enough", paced{pause: time.Second, bytes: 128 << 10}, 0, time.Hour, false},
		{"too little", paced{pause: time.Second, bytes: 64 << 10}, 0, time.Hour, true},
		{"behind other pulls", paced{limit: 2 * time.Hour}, 0, time.Hour, false},
		{"behind other pulls, and then no byte", paced{limit: time.Hour, pause: time.Hour}, 0, time.Hour + 11*time.Second, true},
		{"to a slow disk", paced{bytes: 1}, time.Hour, 100 * time.Minute, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := NewSharing(nil)
				ctx := s.join(t.Context())
				one, end := begin(ctx, t, s, &c.body, c.disk)
				<-time.After(c.after + time.Millisecond)
				s.mu.Lock()
				slow := one.isSlow(time.Now())
				s.mu.Unlock()
				if slow != c.slow {
					t.Errorf("slow: %v", slow)
				}
				if overtaken := s.overtake(partyOf(ctx), someLayer, false); (overtaken != nil) != c.slow {
					t.Errorf("overtaken: %v", overtaken != nil)
				} else if c.slow && s.overtake(partyOf(ctx), someLayer, false) != nil {
					t.Error("overtaken by two")
				}
				end()
			})
		})
	}
}

func TestLocks(t *testing.T) {
	l := NewSharing(nil)
	if err := l.Lock(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if err := l.Lock(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Lock(ended, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("waited for a held lock: %v", err)
	}
	got := make(chan error)
	go func() { got <- l.Lock(t.Context(), "a") }()
	l.Unlock("a")
	if err := <-got; err != nil {
		t.Error(err)
	}
	l.Unlock("a")
	l.Unlock("b")
	if len(l.locks) != 0 {
		t.Errorf("%d locks are kept", len(l.locks))
	}
}

// A lock is waited for while who has it gets on. When its registry does not, one of those that wait gets it, too; and the next when that
// one gives it back.
func TestLocksOfASlowPull(t *testing.T) {
	for _, name := range []string{"blob://" + someLayer.String(), "sn://overlayfs/" + someLayer.String()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := NewSharing(nil)
				ctx := s.join(t.Context())
				if err := s.Lock(ctx, name); err != nil {
					t.Fatal(err)
				}
				// Nothing of it is waited for yet.
				_, end := begin(ctx, t, s, &paced{limit: time.Hour, pause: time.Second, bytes: 1}, 0)
				got := make(chan error, 2)
				for range cap(got) {
					go func() { got <- s.Lock(s.join(t.Context()), name) }()
				}
				<-time.After(time.Hour + 9*time.Second)
				if len(got) != 0 {
					t.Fatal("not waited for")
				}
				<-time.After(2 * time.Second)
				// Of what one blob's lock is for, the store sees to it that one of them downloads it.
				if len(got) == 0 || len(got) == 2 && name[0] == 's' {
					t.Fatalf("%d got it", len(got))
				}
				s.Unlock(name)
				synctest.Wait()
				if len(got) != 2 {
					t.Fatalf("%d got it when one gave it back", len(got))
				}
				s.Unlock(name)
				end()
				s.Unlock(name)
				if len(s.locks) != 0 {
					t.Errorf("%d locks are kept", len(s.locks))
				}
			})
		})
	}
}
