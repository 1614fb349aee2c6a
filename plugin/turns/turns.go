// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package turns bounds how many do at a time what takes much memory. Others wait, first come, first served.
//
// A turn is not held against those who wait while its holder itself waits for a stranger: see [Turn.During] and [Turn.Lend].
package turns

import (
	"context"
	"slices"
	"sync"
	"time"
)

// quiet is how long nothing may have been done with a turn before memory is given back: work comes in bursts.
const quiet = time.Second

// Turns are so many turns.
type Turns struct {
	count    int
	giveBack func()

	mu      sync.Mutex
	free    int
	waiting []chan struct{} // of those that wait, in the order in which they came; closed when it is their turn
	lent    []*Turn         // held by those that wait for a stranger, in the order in which they began to
	asked   int             // how many of these are asked to give way
	timer   *time.Timer
}

// New makes so many turns. When turns were used and then for a while nothing was done with any, giveBack runs; it may be nil.
func New(count int, giveBack func()) *Turns {
	return &Turns{count: count, free: count, giveBack: giveBack}
}

// Turn is one that was taken. It is for one goroutine.
type Turn struct {
	of      *Turns
	wanted  chan struct{} // closed when its holder is asked to give way; nil unless it is lent
	isAsked bool
}

// Take waits for a turn, as long as the context lives.
func (t *Turns) Take(ctx context.Context) (*Turn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if turn := t.TryTake(); turn != nil {
		return turn, nil
	}
	mine := t.wait()
	select {
	case <-mine:
		return &Turn{of: t}, nil
	case <-ctx.Done():
		t.mu.Lock()
		defer t.mu.Unlock()
		if at := slices.Index(t.waiting, mine); at >= 0 {
			t.waiting = slices.Delete(t.waiting, at, at+1)
		} else {
			// It has just become ours.
			t.pass()
		}
		return nil, ctx.Err()
	}
}

// TryTake takes a turn if one is free; else it returns nil.
func (t *Turns) TryTake() *Turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free == 0 {
		return nil
	}
	t.busy()
	t.free--
	return &Turn{of: t}
}

// wait joins those that wait, and has one who waits for a stranger give way.
func (t *Turns) wait() chan struct{} {
	mine := make(chan struct{})
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free > 0 {
		// It has become free just now.
		t.busy()
		t.free--
		close(mine)
		return mine
	}
	t.waiting = append(t.waiting, mine)
	t.ask()
	return mine
}

// Waiting is how many wait for a turn.
func (t *Turns) Waiting() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiting)
}

// ask has as many holders that wait for a stranger give way as there are callers that wait. This and all below wants the lock.
func (t *Turns) ask() {
	for _, turn := range t.lent {
		if t.asked >= len(t.waiting) {
			return
		}
		if !turn.isAsked {
			turn.isAsked = true
			t.asked++
			close(turn.wanted)
		}
	}
}

// unlend ends a holder's offer, and what it was asked.
func (t *Turns) unlend(turn *Turn) {
	if turn.wanted == nil {
		return
	}
	t.lent = slices.DeleteFunc(t.lent, func(one *Turn) bool { return one == turn })
	if turn.isAsked {
		t.asked--
	}
	turn.wanted, turn.isAsked = nil, false
}

// pass gives a turn to the one that waits longest.
func (t *Turns) pass() {
	if len(t.waiting) > 0 {
		t.busy()
		close(t.waiting[0])
		t.waiting = slices.Delete(t.waiting, 0, 1)
		return
	}
	t.free++
	t.rest()
}

// busy says that a turn is worked with.
func (t *Turns) busy() {
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
}

// rest says that one is not any more.
func (t *Turns) rest() {
	if t.giveBack != nil && t.free+len(t.lent) == t.count {
		t.busy()
		t.timer = time.AfterFunc(quiet, t.giveBack)
	}
}

// Done gives the turn back. Calling it again does nothing; nor does it with no turn.
func (t *Turn) Done() {
	if t == nil || t.of == nil {
		return
	}
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	t.of.unlend(t)
	t.of.pass()
	t.of = nil
}

// During runs what may have to wait for a stranger, who decides how long that takes: it calls waits before it does. If somebody wants the turn
// from then on, letGo is called, which frees what the turn was taken for, and the turn is given back. During returns when all is
// done, and tells whether the turn is still held.
func (t *Turn) During(work func(waits func()), letGo func()) (held bool) {
	ended, waiting := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		work(sync.OnceFunc(func() { close(waiting) }))
	}()
	select {
	case <-ended:
		return true
	case <-waiting:
	}
	wanted := t.Lend()
	select {
	case <-ended:
		t.Keep()
		return true
	case <-wanted:
		letGo()
		t.Done()
		<-ended
		return false
	}
}

// Lend offers the turn to others. The channel is closed when one of them wants it: then it is to be given back soon.
func (t *Turn) Lend() <-chan struct{} {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	t.wanted = make(chan struct{})
	t.of.lent = append(t.of.lent, t)
	t.of.ask()
	t.of.rest()
	return t.wanted
}

// Keep ends the offer. Whoever waits gets the turn when it is given back or lent again, or another's before.
func (t *Turn) Keep() {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	t.of.unlend(t)
	t.of.busy()
	t.of.ask()
}
