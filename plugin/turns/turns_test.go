// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package turns_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/refract-oci/refract/plugin/turns"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func take(t *testing.T, from *turns.Turns) *turns.Turn {
	t.Helper()
	turn, err := from.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return turn
}

// waitFor returns when so many wait.
func waitFor(t *testing.T, from *turns.Turns, count int) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); from.Waiting() != count; runtime.Gosched() {
		if time.Now().After(limit) {
			t.Fatalf("%d wait, want %d", from.Waiting(), count)
		}
	}
}

func TestFirstComeFirstServed(t *testing.T) {
	some := turns.New(1, nil)
	held := take(t, some)
	var (
		mu    sync.Mutex
		order []int
		group sync.WaitGroup
	)
	for number := range 20 {
		group.Go(func() {
			turn := take(t, some)
			mu.Lock()
			order = append(order, number)
			mu.Unlock()
			turn.Done()
		})
		waitFor(t, some, number+1)
	}
	held.Done()
	held.Done() // once is enough
	group.Wait()
	if !slices.IsSorted(order) || len(order) != 20 {
		t.Errorf("order %v", order)
	}
}

func TestNeverMoreThanThereAre(t *testing.T) {
	const count, callers = 4, 50
	some := turns.New(count, nil)
	got := make(chan *turns.Turn)
	for range callers {
		go func() {
			turn, err := some.Take(t.Context())
			if err != nil {
				t.Error(err)
			}
			got <- turn
		}()
	}
	waitFor(t, some, callers-count)
	for left := callers - count; left >= 0; left-- {
		waitFor(t, some, left)
		(<-got).Done()
	}
	for range count - 1 {
		(<-got).Done()
	}
}

func TestWhoGivesUpIsPassedOver(t *testing.T) {
	some := turns.New(1, nil)
	held := take(t, some)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		if _, err := some.Take(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
	waitFor(t, some, 1)
	group.Go(func() { take(t, some).Done() })
	waitFor(t, some, 2)
	cancel()
	waitFor(t, some, 1)
	held.Done()
	group.Wait()
	if _, err := some.Take(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v of a context that has ended", err)
	}
	take(t, some).Done()
}

// Nobody's turn waits for a stranger while others want it.
func TestTurnIsLentWhileItWaits(t *testing.T) {
	some := turns.New(1, nil)
	turn := take(t, some)
	never, letGo := make(chan struct{}), false
	var other sync.WaitGroup
	held := turn.During(func(waits func()) {
		waits()
		other.Go(func() { take(t, some).Done() })
		other.Wait() // only if the turn is given to it
		close(never)
	}, func() { letGo = true })
	<-never
	if held || !letGo {
		t.Errorf("held %v, let go %v", held, letGo)
	}
	turn.Done() // there is none any more
	turn = take(t, some)
	if !turn.During(func(waits func()) { waits() }, func() { t.Error("nobody wanted it") }) {
		t.Error("the turn was given away")
	}
	// Or where it does not wait for a stranger at all: then work would be thrown away for nothing.
	other.Go(func() { take(t, some).Done() })
	waitFor(t, some, 1)
	if !turn.During(func(func()) {}, func() { t.Error("it waits for nobody") }) {
		t.Error("the turn was given away")
	}
	turn.Done()
	other.Wait()
}

// gaveUp asks for a turn, has its holder asked for it, and gives up.
func gaveUp(t *testing.T, some *turns.Turns, holder *turns.Turn) {
	t.Helper()
	wanted := holder.Lend()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = some.Take(ctx)
	}()
	<-wanted
	holder.Keep() // what it waited for has come meanwhile
	cancel()
	<-ended
}

// Who gave up wants nothing any more.
func TestNobodyGivesWayToWhoGaveUp(t *testing.T) {
	some := turns.New(1, nil)
	holder := take(t, some)
	gaveUp(t, some, holder)
	select {
	case <-holder.Lend():
		t.Error("nobody waits, and the holder is asked to give way")
	default:
	}
	holder.Done()
}

func TestWhoGaveUpHidesNobody(t *testing.T) {
	some := turns.New(2, nil)
	holder, other := take(t, some), take(t, some)
	gaveUp(t, some, holder)
	got := make(chan struct{})
	go func() {
		defer close(got)
		take(t, some).Done()
	}()
	waitFor(t, some, 1)
	<-other.Lend()
	other.Done()
	<-got
	holder.Done()
}

// Of two that could give way, the one that still waits for its stranger does.
func TestWhoHasGoneOnIsNotWaitedFor(t *testing.T) {
	some := turns.New(2, nil)
	holder, other := take(t, some), take(t, some)
	first, second := holder.Lend(), other.Lend()
	got := make(chan struct{})
	go func() {
		defer close(got)
		take(t, some).Done()
	}()
	<-first
	holder.Keep()
	<-second
	other.Done()
	<-got
	holder.Done()
}

func TestMemoryIsGivenBackWhenAllAreDone(t *testing.T) {
	given := make(chan struct{}, 1)
	some := turns.New(2, func() { given <- struct{}{} })
	one, other := take(t, some), take(t, some)
	one.Done()
	other.Done()
	<-given
	// And where one waits for a stranger, who may take long.
	one = take(t, some)
	one.During(func(waits func()) {
		waits()
		<-given
	}, func() { t.Error("nobody wanted it") })
	one.Done()
	<-given
}

func TestTryTakeDoesNotWait(t *testing.T) {
	some := turns.New(1, nil)
	held := some.TryTake()
	if held == nil || some.TryTake() != nil {
		t.Error("there is one turn")
	}
	held.Done()
	take(t, some).Done()
}

func TestMemoryStaysWhileSomebodyWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var given atomic.Int64
		some := turns.New(2, func() { given.Add(1) })
		one, other := take(t, some), take(t, some)
		other.Done()
		<-time.After(time.Hour) // of the test's own clock
		if given.Load() != 0 {
			t.Error("memory was given back while one works")
		}
		one.Lend()
		one.Keep()
		<-time.After(time.Hour) // of the test's own clock
		if given.Load() != 0 {
			t.Error("memory was given back while one works again")
		}
		one.Done()
		<-time.After(time.Hour) // of the test's own clock
		if given.Load() != 1 {
			t.Errorf("memory was given back %d times", given.Load())
		}
	})
}
