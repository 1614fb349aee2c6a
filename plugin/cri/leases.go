// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
)

const (
	// leaseLabel marks the leases of pulls with the socket of the refractd that pulls. So the leases of a killed refractd can
	// be told from all others.
	leaseLabel = "refract.io/refractd"
	// leaseLife is how long containerd keeps a lease that is never deleted, as for its own pulls.
	leaseLife = 24 * time.Hour
	// createLimit is how long creating a lease may take.
	createLimit = 10 * time.Second
	// releaseLimit is how long deleting a lease may take. A cancelled pull does not interrupt it.
	releaseLimit = 10 * time.Second
)

// leasing keeps content that a pull writes from containerd's garbage collector, until the pull has ended.
type leasing struct {
	manager leases.Manager
	socket  string // of this refractd

	mu     sync.Mutex
	active map[string]bool
}

// take returns a context whose writes are kept, and the function that releases them.
func (l *leasing) take(ctx context.Context) (context.Context, func(), error) {
	lease := leases.Lease{}
	// The lease is registered before it exists, because sweep runs at the same time.
	for _, option := range []leases.Opt{
		leases.WithRandomID(), leases.WithExpiration(leaseLife), leases.WithLabel(leaseLabel, l.socket),
	} {
		if err := option(&lease); err != nil {
			return nil, nil, fmt.Errorf("lease: %w", err)
		}
	}
	l.note(lease.ID, true)
	// The pull's end does not cancel this: otherwise it would not be known whether the lease was created, and it would stay.
	making, cancel := context.WithTimeout(context.WithoutCancel(ctx), createLimit)
	defer cancel()
	if _, err := l.manager.Create(making, leases.WithID(lease.ID), leases.WithLabels(lease.Labels)); err != nil {
		l.note(lease.ID, false)
		return nil, nil, fmt.Errorf("lease: %w", err)
	}
	return leases.WithLease(ctx, lease.ID), func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseLimit)
		defer cancel()
		if err := l.manager.Delete(ctx, lease); err != nil && !errdefs.IsNotFound(err) {
			log.G(ctx).WithError(err).WithField("lease", lease.ID).Warn("lease of a pull was not deleted, it will be when containerd is back")
		}
		l.note(lease.ID, false)
	}, nil
}

func (l *leasing) note(id string, active bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if active {
		l.active[id] = true
	} else {
		delete(l.active, id)
	}
}

func (l *leasing) isActive(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.active[id]
}

// sweep deletes the leases of pulls that no longer run.
func (l *leasing) sweep(ctx context.Context) error {
	left, err := l.manager.List(ctx, fmt.Sprintf("labels.%q==%q", leaseLabel, l.socket))
	if err != nil {
		return fmt.Errorf("leases of earlier pulls: %w", err)
	}
	deleted := 0
	for _, lease := range left {
		if l.isActive(lease.ID) {
			continue
		}
		if err := l.manager.Delete(ctx, lease); err != nil && !errdefs.IsNotFound(err) {
			return fmt.Errorf("lease %s of an earlier pull: %w", lease.ID, err)
		}
		deleted++
	}
	if deleted > 0 {
		log.G(ctx).WithField("leases", deleted).Info("deleted what earlier pulls had left")
	}
	return nil
}
