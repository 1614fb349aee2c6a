// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"slices"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/log"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/refract-oci/refract/plugin/artifact"
	"github.com/refract-oci/refract/plugin/regerr"
)

// isSeveral tells whether several images were asked for: no one manifest can represent them, so that the index stays the target.
func (s *selection) isSeveral() bool { return len(s.platforms) != 1 || len(s.result.Selections) != 1 }

// whole tells whether all that a plain containerd expects of the index is here: nothing was left out, or what was left out
// was fetched with the references.
func (s *selection) whole(ctx context.Context, store content.Store, fetched []digest.Digest) (bool, error) {
	if len(s.result.LeftOut) == 0 {
		return true, nil
	}
	if len(fetched) == 0 {
		return false, nil
	}
	leftOut, err := s.leftOut(ctx, store)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(leftOut, func(entry ocispec.Descriptor) bool { return !contains(fetched, entry.Digest) }), nil
}

// contains looks into sorted digests.
func contains(sorted []digest.Digest, d digest.Digest) bool {
	_, found := slices.BinarySearch(sorted, d)
	return found
}

// complete downloads what was left out of an index that has to stay the target, and returns what is here of it besides what was
// fetched already. containerd exports, pushes and converts all that an index lists for its platforms, or fails. It is not
// downloaded with the images, because nothing of it is to be unpacked; and it has no cap, as the images have none: whoever pulls
// for several platforms wants the image whole. The index's own labels keep it.
//
// What is not available is warned about and never fails a pull, though it would fail a plain containerd's.
func (s *selection) complete(ctx context.Context, store content.Store, fetched []digest.Digest) ([]digest.Digest, error) {
	if !s.isSeveral() || len(s.result.LeftOut) == 0 {
		return nil, nil
	}
	leftOut, err := s.leftOut(ctx, store)
	if err != nil {
		return nil, err
	}
	here := map[digest.Digest]bool{}
	for _, d := range fetched {
		here[d] = true
	}
	leftOut = slices.DeleteFunc(leftOut, func(entry ocispec.Descriptor) bool {
		before := here[entry.Digest]
		here[entry.Digest] = true
		return before
	})
	whole := make([]bool, len(leftOut))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(concurrentReferences)
	for i, entry := range leftOut {
		group.Go(func() error {
			_, err := artifact.Fetch(groupCtx, store, s.fetcher, entry, 0, s.only()...)
			if groupCtx.Err() != nil {
				return groupCtx.Err()
			}
			if err != nil {
				log.G(ctx).WithError(regerr.Readable(err)).WithFields(log.Fields{"index": s.root.Digest, "entry": entry.Digest}).
					Warn("entry of index was not fetched: the image cannot be exported, pushed or converted whole")
			}
			whole[i] = err == nil
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var completed []digest.Digest
	for i, entry := range leftOut {
		if whole[i] {
			completed = append(completed, entry.Digest)
		}
	}
	return completed, nil
}

// only leaves out of indexes what containerd would: images that are of none of the requested platforms.
func (s *selection) only() []artifact.Option {
	if len(s.platforms) == 0 {
		return nil
	}
	return []artifact.Option{artifact.For(platforms.Ordered(s.platforms...))}
}
