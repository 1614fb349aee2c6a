// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/transfer"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestStandstill(t *testing.T) {
	start := time.Unix(1000, 0)
	p := &progress{timeout: time.Minute, active: map[string]int64{}, movedAt: start}
	layer := &ocispec.Descriptor{Digest: digest.FromString("layer"), Size: 100}
	event := func(kind, name string, bytes int64) {
		p.told(transfer.Progress{Event: kind, Name: name, Desc: layer, Progress: bytes, Total: 100})
	}
	at := func(after time.Duration, want bool, why string) {
		t.Helper()
		if got := p.standsStill(start.Add(after)); got != want {
			t.Errorf("after %s, %s: %v", after, why, got)
		}
	}
	at(2*time.Minute, false, "nothing is downloaded")
	event("waiting", "a", 0)
	at(4*time.Minute, false, "a download waits for its turn")
	event("downloading", "a", 0)
	at(6*time.Minute, false, "a download has begun")
	at(6*time.Minute+30*time.Second, false, "half of the time")
	event("downloading", "a", 10)
	at(7*time.Minute+30*time.Second, false, "bytes came")
	event("downloading", "a", 10)
	event("waiting", "a", 10)
	at(8*time.Minute+31*time.Second, true, "no bytes came")
	event("downloading", "b", 1)
	at(9*time.Minute, false, "another download moves")
	event("downloading", "a", 100)
	event("complete", "b", 100)
	at(20*time.Minute, false, "downloads are complete")
	at(40*time.Minute, false, "it unpacks")
	p.told(transfer.Progress{Event: "saved", Name: "image"})
	event("extracting", "c", 1)
	at(60*time.Minute, false, "what is no download")
}

// The context ends with a cause that says why, and is of the kind that CRI gives.
func TestStalledPullIsCancelled(t *testing.T) {
	ctx, end, told := watch(t.Context(), time.Millisecond)
	defer end()
	told(transfer.Progress{Event: "downloading", Name: "a", Desc: &ocispec.Descriptor{}, Total: 100})
	<-ctx.Done()
	cause := context.Cause(ctx)
	if !errors.As(cause, new(stalled)) || !errors.Is(cause, context.Canceled) || cause.Error() != "no bytes came for 1ms, so it was cancelled (image.pull_progress_timeout)" {
		t.Errorf("cause %v", cause)
	}
	ctx, end, told = watch(t.Context(), 0)
	if told != nil {
		t.Error("without a timeout nothing needs to be told")
	}
	end()
	<-ctx.Done()
}

func TestLocks(t *testing.T) {
	l := newLocks()
	if err := l.Lock(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if err := l.Lock(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Lock(ended, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("waited for a held lock: %v", err)
	}
	got := make(chan error)
	go func() { got <- l.Lock(t.Context(), "a") }()
	l.Unlock("a")
	if err := <-got; err != nil {
		t.Error(err)
	}
	l.Unlock("a")
	l.Unlock("b")
	if len(l.held) != 0 {
		t.Errorf("%d locks are kept", len(l.held))
	}
}
