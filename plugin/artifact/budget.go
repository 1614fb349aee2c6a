// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/opencontainers/go-digest"
)

// Budget caps the total size of several artifacts. Each artifact is counted before its large content is downloaded. They are
// counted in order, so that the same ones are left out each time.
type Budget struct {
	most int64

	mu    sync.Mutex
	taken int64
	// counted has a channel for each artifact, closed once the artifact was counted or cannot be.
	counted []chan struct{}
	once    []sync.Once
}

// NewBudget makes a budget for that many artifacts. most caps the sum of their bytes; zero or less means no cap.
func NewBudget(most int64, artifacts int) *Budget {
	b := &Budget{most: most, counted: make([]chan struct{}, artifacts), once: make([]sync.Once, artifacts)}
	for i := range b.counted {
		b.counted[i] = make(chan struct{})
	}
	return b
}

// Within counts an artifact against a budget under its number, from 0. The artifacts with lower numbers must be fetched too, or
// have been fetched: this one waits until they were counted.
func Within(budget *Budget, number int) Option {
	return func(p *plan) { p.budget, p.number = budget, number }
}

// take waits until all artifacts before this one were counted, then counts it.
func (b *Budget) take(ctx context.Context, number int, artifact digest.Digest, bytes int64) error {
	if b == nil {
		return nil
	}
	for _, before := range b.counted[:number] {
		select {
		case <-before:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.most > 0 && (bytes > math.MaxInt64-b.taken || b.taken+bytes > b.most) {
		return fmt.Errorf("%s takes %d bytes and others of the image before it %d, max_bytes_total is %d: %w", artifact, bytes, b.taken, b.most, ErrTooLarge)
	}
	b.taken += bytes
	return nil
}

// pass lets the next artifact be counted. Calling it again does nothing.
func (b *Budget) pass(number int) {
	if b != nil {
		b.once[number].Do(func() { close(b.counted[number]) })
	}
}
