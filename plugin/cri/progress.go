// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/refract-oci/refract/plugin/transfer"
)

// checkEvery is how often a pull is checked; more often if its timeout is short.
const checkEvery = 10 * time.Second

// stalled is the cause that ends a pull without progress. It is context.Canceled to errors.Is, as when CRI itself cancels.
type stalled struct{ after time.Duration }

func (s stalled) Error() string {
	return fmt.Sprintf("no bytes came for %s, so it was cancelled (image.pull_progress_timeout)", s.after)
}

func (stalled) Unwrap() error { return context.Canceled }

// watching is the state that all watched pulls of a service share.
type watching struct {
	// last is when the last byte of any pull was received, in nanoseconds since 1970.
	last atomic.Int64
}

// progress cancels a pull that waits for its registry too long. Time spent waiting for the disk does not count. A body without
// any bytes yet may be queued behind other pulls, so its time counts only while those receive nothing either.
type progress struct {
	*watching
	timeout time.Duration
	cancel  context.CancelCauseFunc

	mu      sync.Mutex
	reading int // bodies that are being read now
	begun   int // those of them that have received bytes
	moved   bool
	movedAt time.Time
}

// watch returns a context that ends with the pull, or when the pull stalls. A timeout of 0 is none.
func (w *watching) watch(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	end := func() { cancel(nil) }
	if timeout <= 0 {
		return ctx, end
	}
	p := &progress{watching: w, timeout: timeout, cancel: cancel, movedAt: time.Now()}
	go p.check(ctx)
	return transfer.WithBodies(ctx, p.through), end
}

func (p *progress) check(ctx context.Context) {
	ticker := time.NewTicker(min(checkEvery, max(p.timeout/2, 1)))
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			if p.standsStill(now) {
				p.cancel(stalled{p.timeout})
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func (p *progress) standsStill(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reading == 0 || p.moved {
		p.moved, p.movedAt = false, now
		return false
	}
	if now.Sub(p.movedAt) <= p.timeout {
		return false
	}
	return p.begun > 0 || now.Sub(time.Unix(0, p.last.Load())) > p.timeout
}

// through returns a body whose reads count.
func (p *progress) through(of io.ReadCloser) io.ReadCloser {
	counted := &body{ReadCloser: of, progress: p}
	if seeker, ok := of.(io.Seeker); ok {
		// Seeking lets a download resume where an earlier one was interrupted.
		return struct {
			*body
			io.Seeker
		}{counted, seeker}
	}
	return counted
}

type body struct {
	io.ReadCloser
	progress *progress
	begun    bool
}

func (b *body) Read(bytes []byte) (int, error) {
	b.progress.enter(b.begun)
	read, err := b.ReadCloser.Read(bytes)
	b.progress.leave(b.begun, read)
	b.begun = b.begun || read > 0
	return read, err
}

func (p *progress) enter(begun bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reading++
	if begun {
		p.begun++
	}
}

func (p *progress) leave(begun bool, read int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reading--
	if begun {
		p.begun--
	}
	if read > 0 {
		p.moved = true
		p.last.Store(time.Now().UnixNano())
	}
}
