// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/refract-oci/refract/plugin/transfer"
)

// script is a body that gives a byte, or an end, when the test says so.
type script struct{ next chan error }

func (s script) Read(bytes []byte) (int, error) {
	if err := <-s.next; err != nil {
		return 0, err
	}
	return copy(bytes, "x"), nil
}

func (script) Close() error { return nil }

// seekable is one that can be taken up in the middle.
type seekable struct {
	script
	at int64
}

func (s *seekable) Seek(offset int64, _ int) (int64, error) {
	s.at = offset
	return offset, nil
}

func TestStandstill(t *testing.T) {
	start := time.Now()
	var all watching
	p := &progress{watching: &all, timeout: time.Minute, movedAt: start}
	body := script{next: make(chan error)}
	counted := p.through(body)
	read := make(chan error)
	begin := func() {
		t.Helper()
		go func() { _, err := counted.Read(make([]byte, 10)); read <- err }()
		poll(t, func() error {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.reading == 0 {
				return errors.New("it does not read yet")
			}
			return nil
		})
	}
	at := func(after time.Duration, want bool, why string) {
		t.Helper()
		if got := p.standsStill(start.Add(after)); got != want {
			t.Errorf("after %s, %s: %v", after, why, got)
		}
	}
	at(2*time.Minute, false, "nothing is read")
	begin()
	all.last.Store(start.Add(3 * time.Minute).UnixNano())
	at(3*time.Minute+30*time.Second, false, "it waits for its first byte, and other pulls move")
	at(4*time.Minute+30*time.Second, true, "nothing moves anywhere")
	body.next <- nil
	if err := <-read; err != nil {
		t.Error(err)
	}
	at(10*time.Minute, false, "it waits for the disk")
	begin()
	at(10*time.Minute+50*time.Second, false, "not long enough")
	all.last.Store(start.Add(12 * time.Minute).UnixNano())
	at(12*time.Minute, true, "nothing comes any more of what had begun")
	body.next <- nil
	if err := <-read; err != nil {
		t.Error(err)
	}
	begin()
	at(20*time.Minute, false, "a byte came")
	body.next <- io.EOF
	if err := <-read; !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	at(40*time.Minute, false, "all is read")
}

func TestBodiesCanStillBeTakenUpInTheMiddle(t *testing.T) {
	p := &progress{watching: &watching{}}
	under := &seekable{}
	seeker, ok := p.through(under).(io.Seeker)
	if !ok {
		t.Fatal("it cannot seek")
	}
	if at, err := seeker.Seek(7, io.SeekStart); at != 7 || err != nil || under.at != 7 {
		t.Errorf("at %d of %d, %v", at, under.at, err)
	}
	if _, ok := p.through(script{}).(io.Seeker); ok {
		t.Error("it seeks in what cannot be sought in")
	}
}

// The context ends with a cause that says why, and is of the kind that CRI gives.
func TestStalledPullIsCancelled(t *testing.T) {
	var all watching
	ctx, end := all.watch(t.Context(), time.Millisecond)
	defer end()
	body := script{next: make(chan error)}
	through, ok := transfer.Bodies(ctx)
	if !ok {
		t.Fatal("bodies are not looked at")
	}
	read := make(chan error)
	go func() { _, err := through(body).Read(make([]byte, 1)); read <- err }()
	<-ctx.Done()
	body.next <- io.EOF
	if err := <-read; !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	cause := context.Cause(ctx)
	if !errors.As(cause, new(stalled)) || !errors.Is(cause, context.Canceled) || cause.Error() != "no bytes came for 1ms, so it was cancelled (image.pull_progress_timeout)" {
		t.Errorf("cause %v", cause)
	}
	ctx, end = all.watch(t.Context(), 0)
	if _, ok := transfer.Bodies(ctx); ok {
		t.Error("without a timeout bodies are looked at")
	}
	end()
	<-ctx.Done()
}
