// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/log"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/refract-oci/refract/plugin/artifact"
)

// concurrentReferences is how many references are downloaded at a time: enough to hide a registry's latency, few beside layers.
const concurrentReferences = 4

// fetchWanted downloads the references that the policy wants. It returns which of them are here whole, and all their content in
// the order of the references. One that cannot be had is warned about and never fails a pull.
func (s *selection) fetchWanted(ctx context.Context, store content.Store, fetcher remotes.Fetcher) (map[digest.Digest]bool, []digest.Digest, error) {
	wanted := s.wanted()
	fetched := make([][]digest.Digest, len(wanted))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(concurrentReferences)
	for i, reference := range wanted {
		group.Go(func() error {
			blobs, err := artifact.Fetch(groupCtx, store, fetcher, reference.Descriptor, s.policy.MaxBytes)
			if groupCtx.Err() != nil {
				return groupCtx.Err()
			}
			if err != nil {
				log.G(ctx).WithError(newUnreadable(err)).WithFields(log.Fields{
					"index": s.root.Digest, "reference": reference.Descriptor.Digest, "type": reference.Type,
				}).Warn("reference was not fetched")
				return nil
			}
			fetched[i] = blobs
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	whole := map[digest.Digest]bool{}
	seen := map[digest.Digest]bool{}
	var all []digest.Digest
	for i, blobs := range fetched {
		if len(blobs) > 0 {
			whole[wanted[i].Descriptor.Digest] = true
		}
		for _, blob := range blobs {
			if !seen[blob] {
				seen[blob] = true
				all = append(all, blob)
			}
		}
	}
	return whole, all, nil
}
