// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"fmt"
	"time"

	"github.com/containerd/errdefs"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/turns"
)

const (
	// concurrentReads is how many images are read at a time, however many ask: each takes the memory of its documents and, until its
	// caller has it, of what was read from them.
	concurrentReads = 4
	// concurrentContents is how many callers are sent content at a time.
	concurrentContents = 64
	// concurrentWatches is how many callers watch images.
	concurrentWatches = 1000
	// unreadFor is how long a caller may leave a message unread while others wait. Without others it may do so for ever.
	unreadFor = 5 * time.Second
)

// errUnread ends an answer that nobody reads.
var errUnread = fmt.Errorf("the answer was not read for %s, and others wait for theirs: %w", unreadFor, errdefs.ErrAborted)

// holding runs what holds memory, when it is its turn, until all of it is sent.
func holding(ctx context.Context, from *turns.Turns, work func(*turns.Turn) error) error {
	turn, err := from.Take(ctx)
	if err != nil {
		return err
	}
	defer turn.Done()
	return work(turn)
}

// patiently sends messages as long as they are read, or nobody else waits for the turn.
func patiently[Message any](turn *turns.Turn, send func(Message) error) func(Message) error {
	return func(message Message) error {
		sent := make(chan error, 1)
		go func() { sent <- send(message) }()
		unread := time.NewTimer(unreadFor)
		defer unread.Stop()
		select {
		case err := <-sent:
			return err
		case <-unread.C:
		}
		wanted := turn.Lend()
		select {
		case err := <-sent:
			turn.Keep()
			return err
		case <-wanted:
			// The end of the call ends the sending, too.
			return errUnread
		}
	}
}

func newReads() *turns.Turns { return turns.New(concurrentReads, native.GiveBackMemory) }
