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

	"github.com/refract-oci/refract/plugin/native"
)

// entries are those of indexes as containerd has read them. Decoding a large index in Go takes longer than all that C++ does with
// it, so each is decoded once a pull: containerd's handlers do that anyhow, in parallel.
type entries struct {
	mu sync.Mutex
	of map[digest.Digest][]ocispec.Descriptor
}

// keep remembers what containerd has read.
func (e *entries) keep(index digest.Digest, read []ocispec.Descriptor) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.of == nil {
		e.of = map[digest.Digest][]ocispec.Descriptor{}
	}
	e.of[index] = read
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
	e.keep(index.Digest, read)
	return read, nil
}

// leftOut are the entries that a plain containerd would have taken and this pull does not follow.
func (s *selection) leftOut(ctx context.Context, store content.Store) ([]ocispec.Descriptor, error) {
	leftOut := make([]ocispec.Descriptor, 0, len(s.result.LeftOut))
	for _, place := range s.result.LeftOut {
		document := s.result.Documents[place.Document]
		of, err := s.read.get(ctx, store, document)
		if err != nil {
			return nil, err
		}
		if int(place.Position) >= len(of) {
			return nil, fmt.Errorf("index %s has %d entries, number %d was left out: %w", document.Digest, len(of), place.Position, errdefs.ErrInternal)
		}
		leftOut = append(leftOut, of[place.Position])
	}
	return leftOut, nil
}
