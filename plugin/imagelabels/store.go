// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package imagelabels

import (
	"context"
	"maps"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
)

// Store is an image store whose created and updated records keep what a pull wants kept.
type Store struct {
	images.Store
	Kept Kept
}

// Create creates a record with those labels.
func (s *Store) Create(ctx context.Context, image images.Image) (images.Image, error) {
	image.Labels = With(image.Labels, s.Kept)
	return s.Store.Create(ctx, image)
}

// Update replaces a record, as a pull does. What was fetched for the same root before is kept.
func (s *Store) Update(ctx context.Context, image images.Image, fieldpaths ...string) (images.Image, error) {
	before, err := s.Get(ctx, image.Name)
	if err != nil {
		return images.Image{}, err
	}
	image.Labels = Merge(image.Labels, before.Labels, s.Kept)
	return s.Store.Update(ctx, image, fieldpaths...)
}

// Put creates a record, or updates it if it exists by then.
func (s *Store) Put(ctx context.Context, image images.Image) (images.Image, error) {
	image.Labels = maps.Clone(image.Labels)
	for {
		made, err := s.Create(ctx, image)
		if !errdefs.IsAlreadyExists(err) {
			return made, err
		}
		// The record may be removed in between: then it is created again.
		updated, err := s.Update(ctx, image)
		if !errdefs.IsNotFound(err) {
			return updated, err
		}
	}
}
