// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package references

import (
	"context"
	"fmt"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
)

// Stores are where a node has its images.
type Stores struct {
	Images  images.Store
	Content content.InfoReaderProvider

	// left is what is known of repositories, where many images are looked at.
	left map[string]*left
	// presence is what is known of content, then.
	presence *presence
}

// ForMany are the same stores for looking at many images: what is known of a repository, and of content, is looked for once.
func (s Stores) ForMany() Stores {
	s.left, s.presence = map[string]*left{}, newPresence(s.Content)
	return s
}

// List tells what is attached to the image of that name. It is errdefs.ErrNotFound if there is none, or if its index is gone.
func (s Stores) List(ctx context.Context, name string) (*Listing, error) {
	image, err := s.Image(ctx, name)
	if err != nil {
		return nil, err
	}
	return s.Of(ctx, image)
}

// Image is the image of that name.
func (s Stores) Image(ctx context.Context, name string) (images.Image, error) {
	image, err := s.Images.Get(ctx, name)
	if errdefs.IsNotFound(err) {
		return images.Image{}, fmt.Errorf("there is no image %q here, names are given in full (ctr images ls -q lists them): %w", name, errdefs.ErrNotFound)
	}
	return image, err
}
