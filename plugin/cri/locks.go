// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"sync"
)

// locks are locks by name that a context can give up waiting for: pulls of images with a layer in common download and unpack
// it once.
type locks struct {
	mu   sync.Mutex
	held map[string]*lock
}

type lock struct {
	free chan struct{} // holds one token while nobody has the lock
	uses int           // those that have it or wait for it
}

func newLocks() *locks { return &locks{held: map[string]*lock{}} }

// Lock waits for the lock of that name, as long as the context lives.
func (l *locks) Lock(ctx context.Context, name string) error {
	l.mu.Lock()
	one, ok := l.held[name]
	if !ok {
		one = &lock{free: make(chan struct{}, 1)}
		one.free <- struct{}{}
		l.held[name] = one
	}
	one.uses++
	l.mu.Unlock()
	select {
	case <-one.free:
		return nil
	case <-ctx.Done():
		l.mu.Lock()
		defer l.mu.Unlock()
		l.drop(name, one)
		return ctx.Err()
	}
}

// Unlock gives it to one that waits.
func (l *locks) Unlock(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one, ok := l.held[name]; ok {
		one.free <- struct{}{}
		l.drop(name, one)
	}
}

func (l *locks) drop(name string, one *lock) {
	if one.uses--; one.uses == 0 {
		delete(l.held, name)
	}
}
