// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"io"

	"github.com/containerd/containerd/v2/core/transfer"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

type bodiesKey struct{}

// WithBodies has each body that a pull reads from its registry pass through a function, documents and references as well as
// layers: containerd's own progress tells of bytes only when they have been written.
func WithBodies(ctx context.Context, through func(io.ReadCloser) io.ReadCloser) context.Context {
	return context.WithValue(ctx, bodiesKey{}, through)
}

// Bodies is the function that a context has for them.
func Bodies(ctx context.Context) (func(io.ReadCloser) io.ReadCloser, bool) {
	through, ok := ctx.Value(bodiesKey{}).(func(io.ReadCloser) io.ReadCloser)
	return through, ok
}

// passing is a fetcher whose bodies pass through a function.
type passing struct {
	transfer.Fetcher
	through func(io.ReadCloser) io.ReadCloser
}

func (p passing) Fetch(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	body, err := p.Fetcher.Fetch(ctx, desc)
	if err != nil {
		return nil, err
	}
	return p.through(body), nil
}

// withBodies lets the bodies of a fetcher pass through what the context has for them.
func withBodies(ctx context.Context, fetcher transfer.Fetcher) transfer.Fetcher {
	through, ok := Bodies(ctx)
	if !ok {
		return fetcher
	}
	return passing{Fetcher: fetcher, through: through}
}
