// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package references

import (
	"context"
	"fmt"

	"github.com/containerd/containerd/v2/core/images"

	"github.com/refract-oci/refract/plugin/imagelabels"
	"github.com/refract-oci/refract/plugin/native"
)

// Asker answers what a search asks of an image's repository. An error says what was not looked for.
type Asker func(context.Context, *native.Search, *native.Round) error

// elsewhere is what is known of an image besides its index: what its pull has recorded, or what its repository says now.
type elsewhere struct {
	record  []byte // what its pull wrote down
	left    *left  // what other clients left on the node; nil: it is not looked for
	shallow bool   // what is left about references of the index is not asked for
	notices []string
	sources native.Source
	ask     Asker
	asked   bool
	found   []byte // of the repository, for later listings
	open    error  // what was not looked for
}

// Discover lists as [Stores.Of] does, and looks into the image's repository besides: at each of the sources. What could not be looked for
// is a notice, and what the pull found is used in its place.
func (s Stores) Discover(ctx context.Context, image images.Image, sources native.Source, ask Asker) (*Listing, error) {
	asking := &elsewhere{sources: sources, ask: ask}
	listing, err := s.list(ctx, image, asking)
	if err != nil {
		return nil, err
	}
	if asking.open != nil {
		notice := fmt.Sprintf("not all of the repository was searched: %v", asking.open)
		if _, recorded := imagelabels.Found(image.Labels); recorded {
			if listing, err = s.Of(ctx, image); err != nil {
				return nil, err
			}
			asking.found = nil
		}
		listing.Notices = append([]string{notice}, listing.Notices...)
	}
	listing.Discovered, listing.found = true, asking.found
	return listing, nil
}

// noticesOf are what an image's pull has left to be said.
func noticesOf(image images.Image) []string {
	if why := imagelabels.NotSearched(image.Labels); why != "" {
		return []string{"this was not looked for when the image was pulled: " + why}
	}
	return nil
}
