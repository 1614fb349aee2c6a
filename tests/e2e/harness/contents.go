// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"fmt"
	"slices"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/pkg/namespaces"
)

// Contents is all that a daemon keeps in one namespace.
type Contents struct {
	Images, Blobs, Ingests, Leases, Snapshots []string
}

// Empty is nil if there is nothing at all.
func (c Contents) Empty() error {
	if len(c.Images)+len(c.Blobs)+len(c.Ingests)+len(c.Leases)+len(c.Snapshots) == 0 {
		return nil
	}
	return fmt.Errorf("left behind: images %q, blobs %q, ingests %q, leases %q, snapshots %q", c.Images, c.Blobs, c.Ingests, c.Leases, c.Snapshots)
}

// Without takes away what others has.
func (c Contents) Without(others Contents) Contents {
	take := func(all, away []string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(one string) bool { return slices.Contains(away, one) })
	}
	return Contents{
		Images: take(c.Images, others.Images), Blobs: take(c.Blobs, others.Blobs), Ingests: take(c.Ingests, others.Ingests),
		Leases: take(c.Leases, others.Leases), Snapshots: take(c.Snapshots, others.Snapshots),
	}
}

// Contents lists them.
func (d *Daemon) Contents(ctx context.Context, namespace string) (Contents, error) {
	ctx = namespaces.WithNamespace(ctx, namespace)
	var all Contents
	images, err := d.Client.ImageService().List(ctx)
	if err != nil {
		return all, fmt.Errorf("images: %w", err)
	}
	for _, image := range images {
		all.Images = append(all.Images, image.Name)
	}
	err = d.Client.ContentStore().Walk(ctx, func(info content.Info) error {
		all.Blobs = append(all.Blobs, info.Digest.String())
		return nil
	})
	if err != nil {
		return all, fmt.Errorf("content: %w", err)
	}
	ingests, err := d.Client.ContentStore().ListStatuses(ctx)
	if err != nil {
		return all, fmt.Errorf("ingests: %w", err)
	}
	for _, ingest := range ingests {
		all.Ingests = append(all.Ingests, ingest.Ref)
	}
	held, err := d.Client.LeasesService().List(ctx)
	if err != nil {
		return all, fmt.Errorf("leases: %w", err)
	}
	for _, lease := range held {
		all.Leases = append(all.Leases, lease.ID)
	}
	err = d.Client.SnapshotService(d.Snapshotter).Walk(ctx, func(_ context.Context, info snapshots.Info) error {
		all.Snapshots = append(all.Snapshots, info.Name)
		return nil
	})
	if err != nil {
		return all, fmt.Errorf("snapshots: %w", err)
	}
	for _, list := range [][]string{all.Images, all.Blobs, all.Ingests, all.Leases, all.Snapshots} {
		slices.Sort(list)
	}
	return all, nil
}

// Collect runs the garbage collector, and returns when it has run.
func (d *Daemon) Collect(ctx context.Context, namespace string) error {
	ctx = namespaces.WithNamespace(ctx, namespace)
	lease, err := d.Client.LeasesService().Create(ctx, leases.WithRandomID())
	if err != nil {
		return fmt.Errorf("lease: %w", err)
	}
	// Containerd's own way to ask for it: the deletion returns after the collection that it causes.
	if err := d.Client.LeasesService().Delete(ctx, lease, leases.SynchronousDelete); err != nil {
		return fmt.Errorf("garbage collection: %w", err)
	}
	return nil
}
