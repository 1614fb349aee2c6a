// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"sync"
)

// flights merges equal pulls that run at the same time. Keys are compared by value, and hold everything that distinguishes two
// pulls. Nothing is remembered of a pull that has ended.
type flights[K comparable] struct {
	mu      sync.Mutex
	running map[K]*flight
	closed  error // why no new pull may begin
	ended   sync.WaitGroup
}

type flight struct {
	waiting int // callers that still wait
	cancel  context.CancelFunc
	done    chan struct{}
	id      string // once finished
	err     error  // once finished
}

// do runs the work, or waits for equal work that runs already. The work goes on as long as a caller waits for it. It is
// cancelled when the last caller has gone.
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
	// One caller's context must not end the pull for the others.
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
		// A later caller begins a new pull, and does not get the error of the one that is cancelled here.
		f.forget(key, one)
		one.cancel()
	}
}

// forget must be called with the lock held.
func (f *flights[K]) forget(key K, one *flight) {
	if f.running[key] == one {
		delete(f.running, key)
	}
}

// close lets no new work begin, and returns when all work has ended, including cancelled work.
func (f *flights[K]) close(why error) {
	f.mu.Lock()
	f.closed = why
	f.mu.Unlock()
	f.ended.Wait()
}
