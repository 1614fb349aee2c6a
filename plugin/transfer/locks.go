// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
)

// blobLock begins the names of containerd's locks of one digest. Others are of what is unpacked, which needs the layer first.
const blobLock = "blob://"

// lock is one by name, that a context can give up waiting for. It keeps from doing things twice, and from nothing else: where who has it waits
// for a stranger, another gets it besides.
type lock struct {
	free chan struct{} // holds one token while nobody has the lock
	uses int           // those that have it or wait for it
	last *party        // that got it
}

// lookEvery is how often one that waits for a lock looks whether that is worth it.
const lookEvery = 250 * time.Millisecond

// Lock waits for the lock of that name, as long as the context lives, and no longer than whoever has it gets on.
func (s *Sharing) Lock(ctx context.Context, name string) error {
	mine := partyOf(ctx)
	s.mu.Lock()
	one, ok := s.locks[name]
	if !ok {
		one = &lock{free: make(chan struct{}, 1)}
		one.free <- struct{}{}
		s.locks[name] = one
	}
	one.uses++
	s.mu.Unlock()
	looks := time.NewTicker(min(lookEvery, max(s.Patience/4, 1)))
	defer looks.Stop()
	for {
		select {
		case <-one.free:
			s.mu.Lock()
			defer s.mu.Unlock()
			one.last = mine
			return nil
		case <-ctx.Done():
			s.mu.Lock()
			defer s.mu.Unlock()
			s.drop(name, one)
			return ctx.Err()
		case <-looks.C:
			if s.passes(name, one, mine) {
				return nil
			}
		}
	}
}

// passes lets one of those that wait for a lock have it besides who has it.
func (s *Sharing) passes(name string, one *lock, mine *party) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := one.last
	if held == nil || mine == nil || held == mine {
		return false
	}
	if blob, ok := strings.CutPrefix(name, blobLock); ok {
		all := s.downloads[digest.Digest(blob)]
		for _, other := range all {
			if !other.isSlow(time.Now()) {
				return false
			}
		}
		if len(all) == 0 {
			return false
		}
	} else if !s.lags(held) {
		return false
	}
	one.last = mine
	return true
}

// Unlock gives it to one that waits.
func (s *Sharing) Unlock(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one, ok := s.locks[name]; ok {
		select {
		case one.free <- struct{}{}:
		default: // Another that had it besides gave it back before.
		}
		s.drop(name, one)
	}
}

func (s *Sharing) drop(name string, one *lock) {
	if one.uses--; one.uses == 0 {
		delete(s.locks, name)
	}
}
