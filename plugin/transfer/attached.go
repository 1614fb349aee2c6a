// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/pkg/tracing"
	"github.com/containerd/log"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.opentelemetry.io/otel/attribute"
	"golang.org/x/sync/errgroup"

	"github.com/refract-oci/refract/plugin/artifact"
	"github.com/refract-oci/refract/plugin/discover"
	"github.com/refract-oci/refract/plugin/imagelabels"
	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/regerr"
	"github.com/refract-oci/refract/plugin/turns"
)

// concurrentReferences is how many references are downloaded at a time: enough to hide a registry's latency, few beside layers.
const concurrentReferences = 4

// attached is what a pull knows to be attached to its image, as far as the policy makes anything of it.
type attached struct {
	root    ocispec.Descriptor
	policy  policy.Policy
	fetcher remotes.Fetcher
	// wanted are the references that the policy wants fetched, each artifact once.
	wanted []native.Reference
	// listed is how many references there are, as far as they were counted: where some are fetched, or were found outside of the index.
	listed int
	// record is what was found outside of the index, for a later listing.
	record []byte
	// cutOff is what was not looked for, and why: there may be more.
	cutOff error
}

// wanting is what a policy makes of a request.
func wanting(options native.RequestOptions, p policy.Policy) native.RequestOptions {
	options.FetchReferences = p.References == policy.ReferencesFetch
	options.AllReferences = p.Platforms == policy.PlatformsAll
	options.ReferenceTypes = p.Types
	options.RequiredTypes = p.Required
	return options
}

// findAttached looks where the policy says, and holds what is attached against it. Begin begins the search; waits is called before the
// repository is asked, which may take long. It returns the turn with which the search may take much memory; where that is nil, the
// search takes one when it needs it. Its error may be errLetGo, then all is to be done again later, or why nothing is asked.
func findAttached(ctx context.Context, request *native.Request, begin func(*native.Search) (*native.Round, error), waits func() (*turns.Turn, error), from discover.Origin, root ocispec.Descriptor, p policy.Policy) (attached, error) {
	found := attached{root: root, policy: p}
	lookup := discover.NewLookup(from, p)
	// Last of all: what the turn is for is gone by then.
	defer lookup.Done()
	search, err := native.NewSearch(request, discover.SourcesOf(p), p.References == policy.ReferencesList)
	if err != nil {
		return found, err
	}
	defer search.Close()
	round, err := begin(search)
	if err != nil {
		return found, err
	}
	isAsked := len(round.Questions) > 0
	found.fetcher = lookup
	if isAsked {
		turn, err := waits()
		if errors.Is(err, errLetGo) {
			return found, err
		}
		if found.cutOff = lookup.Run(ctx, search, round, root, turn, err); ctx.Err() != nil {
			return found, ctx.Err()
		}
	}
	if err := enforce(ctx, p, root, search.CheckRequired(), found.cutOff); err != nil {
		return found, err
	}
	if p.References == policy.ReferencesNone {
		return found, nil
	}
	if found.record, err = search.Record(); err != nil {
		return found, err
	}
	if p.References == policy.ReferencesFetch || isAsked {
		references, err := search.References()
		if err != nil {
			return found, err
		}
		for _, notice := range references.Notices {
			log.G(ctx).WithField("root", root.Digest).Info(notice)
		}
		found.wanted, found.listed = wantedOf(references.List), len(references.List)
	}
	lookup.KeepOnly(found.wanted)
	return found, nil
}

// attachedAlone does so for a root that is a single manifest. It is nil if there is nothing that the policy wants to know.
func attachedAlone(ctx context.Context, options native.RequestOptions, from discover.Origin, root ocispec.Descriptor, p policy.Policy) (*attached, error) {
	if len(p.Required) == 0 && len(p.Discover) == 0 {
		return nil, nil
	}
	request, err := native.NewRequest(wanting(options, p))
	if err != nil {
		return nil, err
	}
	defer request.Close()
	found, err := findAttached(ctx, request, func(search *native.Search) (*native.Round, error) {
		return search.BeginManifest(root)
	}, func() (*turns.Turn, error) { return nil, nil }, from, root, p)
	if err != nil {
		return nil, err
	}
	return &found, nil
}

// keep fetches what the policy wants and returns what the image's records are to keep.
func (a *attached) keep(ctx context.Context, store content.Store) (imagelabels.Kept, error) {
	fetched, err := a.fetchWanted(ctx, store)
	if err != nil {
		return imagelabels.Kept{}, err
	}
	kept := imagelabels.Kept{Root: a.root.Digest, Optional: true, Fetched: fetched}
	if a.cutOff != nil {
		kept.NotSearched = a.cutOff.Error()
	}
	if len(a.record) == 0 {
		return kept, nil
	}
	desc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromBytes(a.record), Size: int64(len(a.record))}
	if err := artifact.Put(ctx, store, a.record, desc); err != nil {
		return imagelabels.Kept{}, fmt.Errorf("record of what is attached to %s: %w", a.root.Digest, err)
	}
	kept.Found, kept.Partial = desc.Digest, a.cutOff != nil
	return kept, nil
}

// report says in one line what was found attached to a manifest that no index leads to: of others selection.report tells it.
func (a *attached) report(ctx context.Context, image string, kept imagelabels.Kept) {
	if a.listed == 0 {
		return
	}
	log.G(ctx).WithFields(log.Fields{
		"image": image, "manifest": a.root.Digest, "references": a.listed, "fetched": len(kept.Fetched),
	}).Info("references of image looked for in its repository")
}

// fetchWanted downloads the references that the policy wants, and returns which of them are here whole, sorted. One that
// is not available is warned about and never fails a pull.
func (a *attached) fetchWanted(ctx context.Context, store content.Store) ([]digest.Digest, error) {
	wanted := a.wanted
	if len(wanted) == 0 {
		return nil, nil
	}
	ctx, span := tracing.StartSpan(ctx, "refract.FetchReferences")
	defer span.End()
	whole := make([]bool, len(wanted))
	budget := artifact.NewBudget(a.policy.FetchLimit(), len(wanted))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(concurrentReferences)
	for i, reference := range wanted {
		group.Go(func() error {
			_, err := artifact.Fetch(groupCtx, store, a.fetcher, reference.Descriptor, a.policy.MaxBytes, artifact.Within(budget, i))
			if groupCtx.Err() != nil {
				return groupCtx.Err()
			}
			if err != nil {
				log.G(ctx).WithError(regerr.Readable(err)).WithFields(log.Fields{
					"index": a.root.Digest, "reference": reference.Descriptor.Digest, "type": reference.Type,
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

// wantedOf are the references that the policy wants fetched, each artifact once. What is kept in an annotation is here already. They
// stay in memory for as long as layers are downloaded: all that the index says besides does not.
func wantedOf(all []native.Reference) []native.Reference {
	var wanted []native.Reference
	seen := map[digest.Digest]bool{"": true}
	for _, reference := range all {
		if d := reference.Descriptor.Digest; reference.Wanted && !seen[d] {
			seen[d] = true
			wanted = append(wanted, native.Reference{Type: strings.Clone(reference.Type), Descriptor: ocispec.Descriptor{
				MediaType: strings.Clone(reference.Descriptor.MediaType), Digest: digest.Digest(strings.Clone(string(d))), Size: reference.Descriptor.Size,
			}})
		}
	}
	return wanted
}
