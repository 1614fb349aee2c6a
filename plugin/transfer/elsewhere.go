// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/pkg/reference"
	"github.com/containerd/containerd/v2/pkg/tracing"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/regerr"
	"github.com/refract-oci/refract/plugin/turns"
)

// elsewhere asks a pull's registry what a search wants to know, with the pull's own hosts, headers and credentials, and gets what
// was found there.
type elsewhere struct {
	place
	deadline time.Duration // for all questions

	told  sync.Mutex // the search is told one answer at a time
	large sync.Mutex // one answer at a time is read that takes more memory than most

	given, taken *turns.Turn // with which answers take much memory; guarded by large

	mu   sync.Mutex
	left int64                    // bytes that answers may still take, whatever they are
	held int64                    // bytes that they have taken
	read map[digest.Digest][]byte // documents that were answered with: they are not asked for again
}

const (
	// smallAnswer is how long an answer may be that is read beside others. Manifests and lists of referrers are seldom longer; whoever
	// sends many that are gets them read one after the other.
	smallAnswer = 64 << 10
	// smallSearch is how much all answers of a search may take for which no turn is needed.
	smallSearch = 256 << 10
	// rememberedDocuments is how much of what was read may stay in memory until references are downloaded, after the layers.
	rememberedDocuments = 64 << 10
)

// place is where a pull gets its image from.
type place struct {
	name    string // of the image
	fetcher remotes.Fetcher
	// beside is a way to other names in the image's repository, always the same.
	beside func() (*beside, error)
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

// search has all questions answered, as far as the registry does and the policy waits for it. What could not be looked for is warned
// about, and returned: what is attached as far as anybody knows is known all the same. why is the reason if nothing is to be asked.
func (e *elsewhere) search(ctx context.Context, search *native.Search, round *native.Round, root ocispec.Descriptor, why error) error {
	ctx, span := tracing.StartSpan(ctx, "refract.Search", tracing.WithAttribute("refract.root.digest", root.Digest.String()))
	defer span.End()
	err := why
	if err == nil {
		err = e.inTime(ctx, search, round)
	}
	span.SetStatus(err)
	if err != nil && ctx.Err() == nil {
		log.G(ctx).WithError(err).WithField("root", root.Digest).Warn("not all that the repository has attached to the image is known")
	}
	return err
}

// inTime answers until the deadline.
func (e *elsewhere) inTime(ctx context.Context, search *native.Search, round *native.Round) error {
	late := &silence{text: fmt.Sprintf("the deadline of %s is used up", e.deadline)}
	ctx, cancel := context.WithTimeoutCause(ctx, e.deadline, late)
	defer cancel()
	return e.answer(ctx, search, round)
}

// answer asks until the search is done. A question that stays open does not keep others from being asked; the error tells all that
// did.
func (e *elsewhere) answer(ctx context.Context, search *native.Search, round *native.Round) error {
	names, err := e.beside()
	if err != nil {
		return err
	}
	var open open
	e.left = int64(round.MaxBytes)
	for len(round.Questions) > 0 {
		e.left = min(e.left, int64(round.MaxBytes))
		reasons := make([]error, len(round.Questions))
		var group errgroup.Group
		group.SetLimit(concurrentReferences)
		for i, question := range round.Questions {
			group.Go(func() error {
				got := e.reply(ctx, names, question)
				// At once, so that no more is held here than is on its way.
				e.told.Lock()
				defer e.told.Unlock()
				var err error
				reasons[i], err = got.tell(search, i)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		for i, question := range round.Questions {
			open.add(question.Reference, reasons[i])
		}
		if round, err = search.Next(); err != nil {
			return err
		}
	}
	return open.err()
}

// reply is what came of one question. There may be both: of a list, its beginning and why there may be more.
type reply struct {
	raw []byte
	err error
}

// reply asks, unless it is too late.
func (e *elsewhere) reply(ctx context.Context, names *beside, question native.Question) reply {
	var got reply
	if ctx.Err() == nil {
		ctx := asked(ctx, func(body io.Reader) ([]byte, error) { return e.take(ctx, body) })
		got.raw, got.err = e.ask(ctx, names, question)
		if why := askingOf(ctx).unanswered(); why != nil && errdefs.IsNotFound(got.err) {
			// containerd tells what one host said, although another did not answer.
			got.err = why
		}
	}
	if ctx.Err() != nil && got.raw == nil {
		// What it made of a question on its way says less.
		got.err = context.Cause(ctx)
	}
	return got
}

// tell answers the search, and returns why the question stays open, if it does.
func (r reply) tell(search *native.Search, number int) (open, err error) {
	reason, final := regerr.Final(r.err)
	if r.err != nil && !final {
		open = regerr.Readable(r.err)
		if silent := new(silence); errors.As(r.err, &silent) {
			// The same whichever URL it was.
			open = silent
		}
		reason = open.Error()
	}
	if r.raw != nil {
		return open, search.Answer(number, r.raw)
	}
	return open, search.Missing(number, reason)
}

func (e *elsewhere) ask(ctx context.Context, names *beside, question native.Question) ([]byte, error) {
	if question.Kind == native.QuestionReferrers {
		return e.referrers(ctx, names, digest.Digest(question.Reference))
	}
	desc := ocispec.Descriptor{MediaType: question.MediaType, Digest: digest.Digest(question.Reference), Size: int64(question.MaxBytes)}
	if desc.Digest.Validate() != nil {
		spec, err := reference.Parse(e.name)
		if err != nil {
			return nil, err
		}
		if _, desc, err = names.Resolve(ctx, spec.Locator+":"+question.Reference); err != nil {
			return nil, err
		}
		if desc.Size > int64(question.MaxBytes) {
			return nil, fmt.Errorf("tag %s has %d bytes, more than the limit of %d: %w", question.Reference, desc.Size, question.MaxBytes, errdefs.ErrDataLoss)
		}
	}
	// Of something longer than it was told, containerd's fetcher gives the beginning.
	desc.Size++
	body, err := e.fetch(ctx, desc)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	raw, err := e.take(ctx, io.LimitReader(body, desc.Size))
	if err != nil {
		return nil, err
	}
	if err := native.VerifyDigest(desc.Digest.String(), raw); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", question.Reference, err, errdefs.ErrNotFound)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.read[desc.Digest] = raw
	return raw, nil
}

// take reads an answer. All of them together may not take more than the search allows, right ones and wrong ones.
func (e *elsewhere) take(ctx context.Context, body io.Reader) ([]byte, error) {
	var raw bytes.Buffer
	// One more than fits tells that there is more.
	read, err := io.CopyN(&raw, body, smallAnswer+1)
	e.mu.Lock()
	e.held += read
	isMuch := err == nil || e.held > smallSearch
	e.mu.Unlock()
	if isMuch {
		e.large.Lock()
		defer e.large.Unlock()
		if failed := e.await(ctx); failed != nil {
			return nil, failed
		}
	}
	if err == nil {
		e.mu.Lock()
		left := e.left
		e.mu.Unlock()
		_, err = raw.ReadFrom(io.LimitReader(body, max(left-int64(raw.Len())+1, 0)))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.left -= int64(raw.Len())
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if e.left < 0 {
		e.left = 0
		return nil, fmt.Errorf("looking for what is attached would take more bytes than the limit: %w", errdefs.ErrResourceExhausted)
	}
	return raw.Bytes(), nil
}

// await waits until it is the search's turn to take much memory, as long as its deadline lets it.
func (e *elsewhere) await(ctx context.Context) error {
	if e.given != nil || e.taken != nil {
		return nil
	}
	turn, err := lookups.Take(ctx)
	if err != nil {
		return context.Cause(ctx)
	}
	e.taken = turn
	return nil
}

// rest gives back the turn that the search took itself.
func (e *elsewhere) rest() {
	e.large.Lock()
	defer e.large.Unlock()
	e.taken.Done()
}

// keepOnly forgets what was read, but for what is little and will be downloaded.
func (e *elsewhere) keepOnly(wanted []native.Reference) {
	e.mu.Lock()
	defer e.mu.Unlock()
	read := e.read
	e.read = map[digest.Digest][]byte{}
	left := rememberedDocuments
	for _, reference := range wanted {
		if raw := read[reference.Descriptor.Digest]; len(raw) > 0 && len(raw) <= left {
			left -= len(raw)
			e.read[reference.Descriptor.Digest] = raw
		}
	}
}

// referrers has containerd list them, and passes on the list as it came. That has no digest of its own: each artifact in it has.
func (e *elsewhere) referrers(ctx context.Context, names *beside, of digest.Digest) ([]byte, error) {
	fetcher, err := names.Fetcher(ctx, e.name)
	if err != nil {
		return nil, err
	}
	lister, ok := fetcher.(remotes.ReferrersFetcher)
	if !ok {
		return nil, fmt.Errorf("this resolver does not list referrers: %w", errdefs.ErrNotImplemented)
	}
	listed, err := lister.FetchReferrers(ctx, of)
	unknown := names.check(of)
	if errdefs.IsNotFound(unknown) {
		return nil, unknown
	}
	if page, failed := askingOf(ctx).listed(); page != nil || failed != nil {
		return page, cmp.Or(failed, unknown)
	}
	if err != nil {
		// Without its kind: containerd calls a list that is too long not found.
		err = fmt.Errorf("referrers: %w", errors.New(regerr.Readable(err).Error()))
	}
	if err = cmp.Or(unknown, err); err != nil && len(listed) == 0 {
		return nil, err
	}
	index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: append([]ocispec.Descriptor{}, listed...)}
	index.SchemaVersion = 2
	var raw bytes.Buffer
	// Escaped for HTML it could be many times as long.
	encoder := json.NewEncoder(&raw)
	encoder.SetEscapeHTML(false)
	if failed := encoder.Encode(index); failed != nil {
		return nil, failed
	}
	page, failed := e.take(ctx, &raw)
	if failed != nil {
		return nil, failed
	}
	return page, err
}

// Fetch gives what was read already from memory.
func (e *elsewhere) Fetch(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	e.mu.Lock()
	raw, ok := e.read[desc.Digest]
	e.mu.Unlock()
	if ok {
		return io.NopCloser(bytes.NewReader(raw)), nil
	}
	return e.fetch(ctx, desc)
}

// fetch asks for a document within the bounds of what is asked beside the image, where they can be kept.
func (e *elsewhere) fetch(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	names, err := e.beside()
	if err != nil {
		return nil, err
	}
	if names.bounds == nil {
		return e.fetcher.Fetch(ctx, desc)
	}
	fetcher, err := names.documents(ctx, e.name)
	if err != nil {
		return nil, err
	}
	return withBodies(ctx, fetcher).Fetch(ctx, desc)
}
