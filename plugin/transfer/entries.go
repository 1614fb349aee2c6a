// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"fmt"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/semaphore"

	"github.com/refract-oci/refract/plugin/native"
)

// entries are those of indexes as containerd has read them. Decoding a large index in Go takes longer than all that C++ does with
// it, so each is decoded once a pull, as long as there is room to remember it: containerd's handlers do that anyhow, in parallel.
type entries struct {
	mu    sync.Mutex
	of    map[digest.Digest][]ocispec.Descriptor
	bytes int64 // of what is remembered
}

// rememberedBytes is how large the indexes are, together, whose entries all pulls of this process remember.
const rememberedBytes = 4 << 20

var remembered = semaphore.NewWeighted(rememberedBytes)

// keep remembers what containerd has read of an index of that size.
func (e *entries) keep(index digest.Digest, size int64, read []ocispec.Descriptor) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, known := e.of[index]; known || !remembered.TryAcquire(size) {
		return
	}
	e.bytes += size
	if e.of == nil {
		e.of = map[digest.Digest][]ocispec.Descriptor{}
	}
	e.of[index] = read
}

// forget makes room for other pulls.
func (e *entries) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	remembered.Release(e.bytes)
	e.of, e.bytes = nil, 0
}

// InTurn works with the entries of an index in Go; with a large one, when it is its turn. Turns must not be taken inside each other.
func InTurn[T any](ctx context.Context, index ocispec.Descriptor, work func() (T, error)) (T, error) {
	if index.Size > smallDocument {
		turn, err := selections.Take(ctx)
		if err != nil {
			var none T
			return none, err
		}
		defer turn.Done()
	}
	return work()
}

// get reads an index that containerd's handlers did not come to.
func (e *entries) get(ctx context.Context, store content.Provider, index native.Document) ([]ocispec.Descriptor, error) {
	e.mu.Lock()
	read, ok := e.of[index.Digest]
	e.mu.Unlock()
	if ok {
		return read, nil
	}
	read, err := images.Children(ctx, store, index.Descriptor())
	if err != nil {
		return nil, fmt.Errorf("index %s: %w", index.Digest, err)
	}
	e.keep(index.Digest, index.Size, read)
	return read, nil
}

// leftOut are the entries that a plain containerd would have taken and this pull does not follow.
func (s *selection) leftOut(ctx context.Context, store content.Store) ([]ocispec.Descriptor, error) {
	leftOut := make([]ocispec.Descriptor, 0, len(s.result.LeftOut))
	var of []ocispec.Descriptor
	for i, place := range s.result.LeftOut {
		document := s.result.Documents[place.Document]
		// They are ordered by document.
		if i == 0 || place.Document != s.result.LeftOut[i-1].Document {
			var err error
			of, err = InTurn(ctx, document.Descriptor(), func() ([]ocispec.Descriptor, error) { return s.read.get(ctx, store, document) })
			if err != nil {
				return nil, err
			}
		}
		if int(place.Position) >= len(of) {
			return nil, fmt.Errorf("index %s has %d entries, number %d was left out: %w", document.Digest, len(of), place.Position, errdefs.ErrInternal)
		}
		leftOut = append(leftOut, of[place.Position])
	}
	return leftOut, nil
}
