// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/transfer"
)

// checkEvery is how often a pull is looked at; more often where its timeout is short.
const checkEvery = 10 * time.Second

// stalled is the cause of the end of a pull that no more bytes came for. It is context.Canceled to whoever asks for its kind,
// as where CRI itself cancels.
type stalled struct{ after time.Duration }

func (s stalled) Error() string {
	return fmt.Sprintf("no bytes came for %s, so it was cancelled (image.pull_progress_timeout)", s.after)
}

func (stalled) Unwrap() error { return context.Canceled }

// progress cancels a pull that waits for the registry too long. What counts is what counts in CRI (transferProgressReporter in
// internal/cri/server/images): downloads that have begun and not ended, and their bytes.
type progress struct {
	timeout time.Duration
	cancel  context.CancelCauseFunc

	mu      sync.Mutex
	active  map[string]int64 // bytes so far, by what is downloaded
	moved   bool             // since it was looked at last
	movedAt time.Time
}

// watch gives a context that ends with the pull or with its standstill, and the function that is told of the pull's progress;
// nil where there is no timeout.
func watch(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc, transfer.ProgressFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	end := func() { cancel(nil) }
	if timeout <= 0 {
		return ctx, end, nil
	}
	p := &progress{timeout: timeout, cancel: cancel, active: map[string]int64{}, movedAt: time.Now()}
	go p.check(ctx)
	return ctx, end, p.told
}

func (p *progress) told(of transfer.Progress) {
	if of.Name == "" || of.Desc == nil || of.Total == 0 {
		return // not a download
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	before, known := p.active[of.Name]
	switch of.Event {
	case "waiting":
		if of.Progress == 0 {
			return
		}
	case "downloading":
	case "complete":
		delete(p.active, of.Name)
		p.moved = p.moved || known && of.Progress > before
		return
	default:
		return
	}
	p.moved = p.moved || !known || of.Progress > before
	p.active[of.Name] = of.Progress
	if of.Progress == of.Total {
		// It waits for the disk now, not for the registry.
		delete(p.active, of.Name)
	}
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
	if len(p.active) == 0 || p.moved {
		p.moved, p.movedAt = false, now
		return false
	}
	return now.Sub(p.movedAt) > p.timeout
}
