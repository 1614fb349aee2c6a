// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"slices"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/pkg/tracing"
	"github.com/containerd/log"
	"github.com/opencontainers/go-digest"
	"go.opentelemetry.io/otel/attribute"
	"golang.org/x/sync/errgroup"

	"github.com/refract-oci/refract/plugin/answers"
	"github.com/refract-oci/refract/plugin/artifact"
)

// concurrentReferences is how many references are downloaded at a time: enough to hide a registry's latency, few beside layers.
const concurrentReferences = 4

// fetchWanted downloads the references that the policy wants, and returns which of them are here whole, sorted. One that
// cannot be had is warned about and never fails a pull.
func (s *selection) fetchWanted(ctx context.Context, store content.Store, fetcher remotes.Fetcher) ([]digest.Digest, error) {
	wanted := s.wanted()
	if len(wanted) == 0 {
		return nil, nil
	}
	ctx, span := tracing.StartSpan(ctx, "refract.FetchReferences")
	defer span.End()
	whole := make([]bool, len(wanted))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(concurrentReferences)
	for i, reference := range wanted {
		group.Go(func() error {
			_, err := artifact.Fetch(groupCtx, store, fetcher, reference.Descriptor, s.policy.MaxBytes)
			if groupCtx.Err() != nil {
				return groupCtx.Err()
			}
			if err != nil {
				log.G(ctx).WithError(answers.Readable(err)).WithFields(log.Fields{
					"index": s.root.Digest, "reference": reference.Descriptor.Digest, "type": reference.Type,
				}).Warn("reference was not fetched")
				return nil
			}
			whole[i] = true
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		span.SetStatus(err)
		return nil, err
	}
	var fetched []digest.Digest
	for i, reference := range wanted {
		if whole[i] {
			fetched = append(fetched, reference.Descriptor.Digest)
		}
	}
	span.SetAttributes(attribute.Int("refract.references.wanted", len(wanted)), attribute.Int("refract.references.fetched", len(fetched)))
	slices.Sort(fetched)
	return slices.Compact(fetched), nil
}
