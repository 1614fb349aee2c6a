// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package references

import (
	"context"
	"fmt"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/refract-oci/refract/plugin/artifact"
	"github.com/refract-oci/refract/plugin/imagelabels"
	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/regerr"
)

// concurrentFetches is how many references are downloaded at a time, as a pull does it.
const concurrentFetches = 4

// Fetched is what became of one reference.
type Fetched struct {
	Reference Reference
	// Content are the digests of everything it consists of, its own first.
	Content []digest.Digest
	Err     error
}

// Limits are how many bytes fetched references may take: each, with all that it consists of, and all together. Zero or less is no limit.
type Limits struct{ Each, Together int64 }

// Fetch downloads references whole and has the image's record keep them. What the store has already is not asked for. One that fails
// keeps none of the others from being fetched, but those behind it wait until it was counted or has failed: what is left out for want
// of room is then always the same. An error is returned only where nothing can be said about single ones.
//
// The caller holds a lease: until the record is changed, nothing else keeps the content.
func (l *Listing) Fetch(ctx context.Context, store content.Store, records images.Store, fetcher remotes.Fetcher, wanted []Reference, most Limits) ([]Fetched, error) {
	var outcomes []Fetched
	for _, reference := range Distinct(wanted) {
		// What an annotation holds came with its index.
		if reference.Descriptor.Digest != "" {
			outcomes = append(outcomes, Fetched{Reference: reference})
		}
	}
	if limit := int(native.DefaultLimits().FetchedReferences); len(outcomes) > limit {
		return nil, fmt.Errorf("image %q: %d references are to be fetched, more than the limit of %d (name one, or narrow by type): %w",
			l.Image, len(outcomes), limit, errdefs.ErrResourceExhausted)
	}
	budget := artifact.NewBudget(most.Together, len(outcomes))
	var group errgroup.Group
	group.SetLimit(concurrentFetches)
	for i := range outcomes {
		one := &outcomes[i]
		group.Go(func() error {
			var err error
			one.Content, err = artifact.Fetch(ctx, store, fetcher, one.Reference.Descriptor, most.Each, artifact.Within(budget, i))
			one.Err = regerr.Readable(err)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return outcomes, l.keep(ctx, store, records, outcomes)
}

func (l *Listing) keep(ctx context.Context, content content.Store, store images.Store, outcomes []Fetched) error {
	var fetched []digest.Digest
	for _, one := range outcomes {
		if one.Err == nil {
			// The artifact's own manifest keeps the rest.
			fetched = append(fetched, one.Reference.Descriptor.Digest)
		}
	}
	if len(fetched) == 0 {
		return nil
	}
	err := imagelabels.Add(ctx, store, l.Image, l.Root.Digest, fetched)
	if err == nil && len(l.found) > 0 {
		// So that a listing without the repository tells of it, too.
		desc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromBytes(l.found), Size: int64(len(l.found))}
		if err = artifact.Put(ctx, content, l.found, desc); err == nil {
			err = imagelabels.SetFound(ctx, store, l.Image, desc.Digest)
		}
	}
	if err != nil {
		return fmt.Errorf("image %q: its record could not be made to keep what was fetched: %w", l.Image, err)
	}
	return nil
}
