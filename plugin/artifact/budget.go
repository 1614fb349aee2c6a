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

// Budget is what several artifacts may take together. Each is counted before anything large of it is downloaded, in their order, so that
// the same ones are left out each time.
type Budget struct {
	most int64

	mu    sync.Mutex
	taken int64
	// counted are closed when an artifact was counted, or will not be.
	counted []chan struct{}
	once    []sync.Once
}

// NewBudget makes one for so many artifacts; most is the sum of their bytes (zero or less means no cap).
func NewBudget(most int64, artifacts int) *Budget {
	b := &Budget{most: most, counted: make([]chan struct{}, artifacts), once: make([]sync.Once, artifacts)}
	for i := range b.counted {
		b.counted[i] = make(chan struct{})
	}
	return b
}

// Within counts an artifact as that number of a budget, from 0. All before it must be fetched, too, or are already.
func Within(budget *Budget, number int) Option {
	return func(p *plan) { p.budget, p.number = budget, number }
}

// take counts an artifact when all before it were counted.
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

// pass lets those behind an artifact be counted. Calling it again does nothing.
func (b *Budget) pass(number int) {
	if b != nil {
		b.once[number].Do(func() { close(b.counted[number]) })
	}
}
