// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/pkg/tracing"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/refract-oci/refract/plugin/answers"
	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/policy"
)

// elsewhere asks a pull's registry what a search wants to know. It does so with the pull's own fetcher, and so with its hosts,
// credentials and headers.
type elsewhere struct {
	fetcher remotes.Fetcher

	mu   sync.Mutex
	read map[digest.Digest][]byte // documents that were answered with: they are not asked for again
}

// sourcesOf are the sources that a policy's places stand for. What a digest's tag names may tell of both Proposal F's references
// and the distribution specification's. Where there is no referrers API, containerd looks under that tag by itself.
func sourcesOf(p policy.Policy) native.Source {
	var sources native.Source
	for _, place := range p.Discover {
		switch place {
		case policy.PlaceDigestTag:
			sources |= native.SourceDigestTag | native.SourceReferrersTag
		case policy.PlaceReferrers:
			sources |= native.SourceReferrersAPI
		case policy.PlaceCosign:
			sources |= native.SourceCosignTag
		}
	}
	return sources
}

// search has all questions answered, as far as the registry does. What could not be looked for is warned about: what is attached in
// the index is known all the same.
func (e *elsewhere) search(ctx context.Context, search *native.Search, questions []native.Question, root ocispec.Descriptor) error {
	ctx, span := tracing.StartSpan(ctx, "refract.Search", tracing.WithAttribute("refract.root.digest", root.Digest.String()))
	defer span.End()
	err := e.answer(ctx, search, questions)
	span.SetStatus(err)
	if err != nil && ctx.Err() == nil {
		log.G(ctx).WithError(err).WithField("root", root.Digest).Warn("what the repository has attached to the image is not known")
	}
	return err
}

// answer asks until the search is done.
func (e *elsewhere) answer(ctx context.Context, search *native.Search, questions []native.Question) error {
	for len(questions) > 0 {
		answered := make([]func() error, len(questions))
		group, groupCtx := errgroup.WithContext(ctx)
		group.SetLimit(concurrentReferences)
		for i, question := range questions {
			group.Go(func() error {
				raw, err := e.ask(groupCtx, question)
				if err == nil {
					answered[i] = func() error { return search.Answer(i, raw) }
					return nil
				}
				reason, final := answers.Final(err)
				if !final {
					return fmt.Errorf("%s: %w", question.Reference, answers.Readable(err))
				}
				answered[i] = func() error { return search.Missing(i, reason) }
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		for _, tell := range answered {
			if err := tell(); err != nil {
				return err
			}
		}
		var err error
		if questions, err = search.Next(); err != nil {
			return err
		}
	}
	return nil
}

func (e *elsewhere) ask(ctx context.Context, question native.Question) ([]byte, error) {
	if question.Kind == native.QuestionReferrers {
		return e.referrers(ctx, question)
	}
	// containerd's fetcher puts what names a manifest into the URL as it is, so that a tag can stand there; and, of something longer
	// than it was told, it gives the beginning.
	body, err := e.fetcher.Fetch(ctx, ocispec.Descriptor{
		MediaType: question.MediaType, Digest: digest.Digest(question.Reference), Size: int64(question.MaxBytes) + 1,
	})
	if err != nil {
		return nil, err
	}
	defer body.Close()
	raw, err := io.ReadAll(io.LimitReader(body, int64(question.MaxBytes)+1))
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.read[digest.FromBytes(raw)] = raw
	return raw, nil
}

// referrers has containerd list them, and passes on what it has read of the list. That has no digest of its own: each artifact in
// it has.
func (e *elsewhere) referrers(ctx context.Context, question native.Question) ([]byte, error) {
	fetcher := e.fetcher
	if counted, ok := fetcher.(passing); ok {
		fetcher = counted.Fetcher
	}
	lister, ok := fetcher.(remotes.ReferrersFetcher)
	if !ok {
		return nil, fmt.Errorf("this resolver does not list referrers: %w", errdefs.ErrNotFound)
	}
	listed, err := lister.FetchReferrers(ctx, digest.Digest(question.Reference))
	if err != nil {
		return nil, err
	}
	index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: listed}
	index.SchemaVersion = 2
	if listed == nil {
		index.Manifests = []ocispec.Descriptor{}
	}
	return json.Marshal(index)
}

// Fetch gives what was read already from memory.
func (e *elsewhere) Fetch(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	e.mu.Lock()
	raw, ok := e.read[desc.Digest]
	e.mu.Unlock()
	if ok {
		return io.NopCloser(bytes.NewReader(raw)), nil
	}
	return e.fetcher.Fetch(ctx, desc)
}
