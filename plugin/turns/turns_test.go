// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package turns_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

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
	for from.Waiting() != count {
		if t.Context().Err() != nil {
			t.Fatal(t.Context().Err())
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
	some := turns.New(4, nil)
	var (
		mu         sync.Mutex
		have, most int
		group      sync.WaitGroup
	)
	for range 500 {
		group.Go(func() {
			turn := take(t, some)
			mu.Lock()
			have++
			most = max(most, have)
			mu.Unlock()
			mu.Lock()
			have--
			mu.Unlock()
			turn.Done()
		})
	}
	group.Wait()
	if most > 4 {
		t.Errorf("%d at a time", most)
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
