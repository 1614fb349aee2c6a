// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package records

import (
	"context"
	"maps"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
)

// Store is an image store whose new and updated records keep a pull's root index and what was fetched with it.
type Store struct {
	images.Store
	// Root is the index of the pull; empty if the records need not keep one.
	Root digest.Digest
	// Fetched is attached content that the records keep.
	Fetched []digest.Digest
}

// Create makes a record that keeps the root and what was fetched.
func (s *Store) Create(ctx context.Context, image images.Image) (images.Image, error) {
	image.Labels = With(image.Labels, s.Root, s.Fetched)
	return s.Store.Create(ctx, image)
}

// Update changes a record as a whole, as a pull does. What was fetched for the same root before stays.
func (s *Store) Update(ctx context.Context, image images.Image, fieldpaths ...string) (images.Image, error) {
	before, err := s.Get(ctx, image.Name)
	if err != nil {
		return images.Image{}, err
	}
	image.Labels = Merge(image.Labels, before.Labels, s.Root, s.Fetched)
	return s.Store.Update(ctx, image, fieldpaths...)
}

// Put creates a record, or updates it, whichever way it stands by then.
func (s *Store) Put(ctx context.Context, image images.Image) (images.Image, error) {
	image.Labels = maps.Clone(image.Labels)
	for {
		made, err := s.Create(ctx, image)
		if !errdefs.IsAlreadyExists(err) {
			return made, err
		}
		// It may be removed just now: then it is created again.
		updated, err := s.Update(ctx, image)
		if !errdefs.IsNotFound(err) {
			return updated, err
		}
	}
}
