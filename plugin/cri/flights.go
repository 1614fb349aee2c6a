// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"sync"
)

// flights let equal pulls that run at the same time be one. Keys are compared by value, and hold all that may tell two pulls
// apart; nothing is remembered of a pull that has ended.
type flights[K comparable] struct {
	mu      sync.Mutex
	running map[K]*flight
	closed  error // why nothing new begins
	ended   sync.WaitGroup
}

type flight struct {
	waiting int // callers that still want it
	cancel  context.CancelFunc
	done    chan struct{}
	id      string // once done
	err     error  // once done
}

// do works, or waits for the equal work that runs already. The work goes on as long as one of its callers waits for it; after
// the last one has gone, it is cancelled.
func (f *flights[K]) do(ctx context.Context, key K, work func(context.Context) (string, error)) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	one, err := f.join(ctx, key, work)
	if err != nil {
		return "", err
	}
	select {
	case <-one.done:
		return one.id, one.err
	case <-ctx.Done():
		f.leave(key, one)
		return "", context.Cause(ctx)
	}
}

func (f *flights[K]) join(ctx context.Context, key K, work func(context.Context) (string, error)) (*flight, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed != nil {
		return nil, f.closed
	}
	if one, ok := f.running[key]; ok {
		one.waiting++
		return one, nil
	}
	// No caller's own end is the end of the others' pull.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	one := &flight{waiting: 1, cancel: cancel, done: make(chan struct{})}
	if f.running == nil {
		f.running = map[K]*flight{}
	}
	f.running[key] = one
	f.ended.Go(func() {
		defer cancel()
		one.id, one.err = work(ctx)
		f.mu.Lock()
		f.forget(key, one)
		f.mu.Unlock()
		close(one.done)
	})
	return one, nil
}

func (f *flights[K]) leave(key K, one *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one.waiting--
	if one.waiting == 0 {
		// Whoever comes now begins anew, and does not get the error of what is cancelled here.
		f.forget(key, one)
		one.cancel()
	}
}

// forget wants the lock.
func (f *flights[K]) forget(key K, one *flight) {
	if f.running[key] == one {
		delete(f.running, key)
	}
}

// close lets nothing new begin, and returns when all work has ended, cancelled work too.
func (f *flights[K]) close(why error) {
	f.mu.Lock()
	f.closed = why
	f.mu.Unlock()
	f.ended.Wait()
}
