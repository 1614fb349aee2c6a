// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package discover looks in a pull's repository for what its image's references are, with the pull's own hosts and credentials. Which
// questions there are, and what an answer tells, C++ decides; here they are asked, within the time, requests and bytes that a policy
// gives for all of them.
package discover

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
	"github.com/containerd/containerd/v2/core/transfer"
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

// Lookup asks a pull's registry what a search wants to know, with the pull's own hosts, headers and credentials, and gets what
// was found there.
type Lookup struct {
	Origin
	deadline time.Duration // for all questions

	told  sync.Mutex // the search is told one answer at a time
	large sync.Mutex // one answer at a time is read that takes more memory than most

	given, taken *turns.Turn // with which answers take much memory; guarded by large

	mu   sync.Mutex
	left int64                    // bytes that answers may still take, whatever they are
	held int64                    // bytes that they have taken
	read map[digest.Digest][]byte // documents that were answered with: they are not asked for again
}

// concurrentQuestions is how many questions are asked at a time: enough to hide a registry's latency, few beside layers.
const concurrentQuestions = 4

// Turns are for look-ups that take much memory: those that wait while what was read of a large index is held, and those whose answers are
// large. Each has until its deadline, so that the next one waits as long at most.
var Turns = turns.New(4, nil)

const (
	// smallAnswer is how long an answer may be that is read beside others. Manifests and lists of referrers are seldom longer; whoever
	// sends many that are gets them read one after the other.
	smallAnswer = 64 << 10
	// smallSearch is how much all answers of a search may take for which no turn is needed.
	smallSearch = 256 << 10
	// rememberedDocuments is how much of what was read may stay in memory until references are downloaded, after the layers.
	rememberedDocuments = 64 << 10
)

// Origin is where a pull gets its image from.
type Origin struct {
	Name    string // of the image
	Fetcher remotes.Fetcher
	// Repository is a way to other names in the image's repository, always the same.
	Repository func() (*Repository, error)
	// Through has what is downloaded pass through what the pull's progress needs; nil: it needs nothing.
	Through func(context.Context, transfer.Fetcher) transfer.Fetcher
}

// NewLookup makes one for a pull.
func NewLookup(from Origin, p policy.Policy) *Lookup {
	deadline, _ := p.LookupLimits()
	return &Lookup{Origin: from, deadline: deadline, read: map[digest.Digest][]byte{}}
}

// SourcesOf are the sources of a policy's places. What a digest's tag names may tell of both Proposal F's references
// and the distribution specification's. Where there is no referrers API, containerd looks under that tag by itself.
func SourcesOf(p policy.Policy) native.Source {
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

// Run has all questions answered, as far as the registry does and the policy waits for it. What could not be looked for is warned
// about, and returned: what is attached as far as anybody knows is known all the same. With the turn the answers may take much memory;
// where it is nil, one is taken when it is needed. why is the reason if nothing is to be asked.
func (l *Lookup) Run(ctx context.Context, search *native.Search, round *native.Round, root ocispec.Descriptor, turn *turns.Turn, why error) error {
	l.given = turn
	ctx, span := tracing.StartSpan(ctx, "refract.Search", tracing.WithAttribute("refract.root.digest", root.Digest.String()))
	defer span.End()
	err := why
	if err == nil {
		err = l.inTime(ctx, search, round)
	}
	span.SetStatus(err)
	if err != nil && ctx.Err() == nil {
		log.G(ctx).WithError(err).WithField("root", root.Digest).Warn("not all that the repository has attached to the image is known")
	}
	return err
}

// inTime answers until the deadline.
func (l *Lookup) inTime(ctx context.Context, search *native.Search, round *native.Round) error {
	late := &Silence{Text: fmt.Sprintf("the deadline of %s is used up", l.deadline)}
	ctx, cancel := context.WithTimeoutCause(ctx, l.deadline, late)
	defer cancel()
	return l.answer(ctx, search, round)
}

// answer asks until the search is done. A question that stays open does not keep others from being asked; the error tells all that
// did.
func (l *Lookup) answer(ctx context.Context, search *native.Search, round *native.Round) error {
	names, err := l.Repository()
	if err != nil {
		return err
	}
	var open openQuestions
	l.left = int64(round.MaxBytes)
	for len(round.Questions) > 0 {
		l.left = min(l.left, int64(round.MaxBytes))
		reasons := make([]error, len(round.Questions))
		var group errgroup.Group
		group.SetLimit(concurrentQuestions)
		for i, question := range round.Questions {
			group.Go(func() error {
				got := l.reply(ctx, names, question)
				// At once, so that no more is held here than is on its way.
				l.told.Lock()
				defer l.told.Unlock()
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
func (l *Lookup) reply(ctx context.Context, names *Repository, question native.Question) reply {
	var got reply
	if ctx.Err() == nil {
		ctx := withQuery(ctx, func(body io.Reader) ([]byte, error) { return l.take(ctx, body) })
		got.raw, got.err = l.ask(ctx, names, question)
		if why := queryOf(ctx).unanswered(); why != nil && errdefs.IsNotFound(got.err) {
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
		if silent := new(Silence); errors.As(r.err, &silent) {
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

func (l *Lookup) ask(ctx context.Context, names *Repository, question native.Question) ([]byte, error) {
	if question.Kind == native.QuestionReferrers {
		return l.referrers(ctx, names, digest.Digest(question.Reference))
	}
	desc := ocispec.Descriptor{MediaType: question.MediaType, Digest: digest.Digest(question.Reference), Size: int64(question.MaxBytes)}
	if desc.Digest.Validate() != nil {
		spec, err := reference.Parse(l.Name)
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
	body, err := l.fetch(ctx, desc)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	raw, err := l.take(ctx, io.LimitReader(body, desc.Size))
	if err != nil {
		return nil, err
	}
	if err := native.VerifyDigest(desc.Digest.String(), raw); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", question.Reference, err, errdefs.ErrNotFound)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read[desc.Digest] = raw
	return raw, nil
}

// take reads an answer. All of them together may not take more than the search allows, right ones and wrong ones.
func (l *Lookup) take(ctx context.Context, body io.Reader) ([]byte, error) {
	var raw bytes.Buffer
	// One more than fits tells that there is more.
	read, err := io.CopyN(&raw, body, smallAnswer+1)
	l.mu.Lock()
	l.held += read
	isMuch := err == nil || l.held > smallSearch
	l.mu.Unlock()
	if isMuch {
		l.large.Lock()
		defer l.large.Unlock()
		if failed := l.await(ctx); failed != nil {
			return nil, failed
		}
	}
	if err == nil {
		l.mu.Lock()
		left := l.left
		l.mu.Unlock()
		_, err = raw.ReadFrom(io.LimitReader(body, max(left-int64(raw.Len())+1, 0)))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left -= int64(raw.Len())
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if l.left < 0 {
		l.left = 0
		return nil, fmt.Errorf("looking for what is attached would take more bytes than the limit: %w", errdefs.ErrResourceExhausted)
	}
	return raw.Bytes(), nil
}

// await waits until it is the search's turn to take much memory, as long as its deadline lets it.
func (l *Lookup) await(ctx context.Context) error {
	if l.given != nil || l.taken != nil {
		return nil
	}
	turn, err := Turns.Take(ctx)
	if err != nil {
		return context.Cause(ctx)
	}
	l.taken = turn
	return nil
}

// Done gives back the turn that the look-up took itself.
func (l *Lookup) Done() {
	l.large.Lock()
	defer l.large.Unlock()
	l.taken.Done()
}

// KeepOnly forgets what was read, but for what is little and will be downloaded.
func (l *Lookup) KeepOnly(wanted []native.Reference) {
	l.mu.Lock()
	defer l.mu.Unlock()
	read := l.read
	l.read = map[digest.Digest][]byte{}
	left := rememberedDocuments
	for _, reference := range wanted {
		if raw := read[reference.Descriptor.Digest]; len(raw) > 0 && len(raw) <= left {
			left -= len(raw)
			l.read[reference.Descriptor.Digest] = raw
		}
	}
}

// referrers has containerd list them, and passes on the list as it came. That has no digest of its own: each artifact in it has.
func (l *Lookup) referrers(ctx context.Context, names *Repository, of digest.Digest) ([]byte, error) {
	fetcher, err := names.Fetcher(ctx, l.Name)
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
	if page, failed := queryOf(ctx).listed(); page != nil || failed != nil {
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
	page, failed := l.take(ctx, &raw)
	if failed != nil {
		return nil, failed
	}
	return page, err
}

// Fetch gives what was read already from memory.
func (l *Lookup) Fetch(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	l.mu.Lock()
	raw, ok := l.read[desc.Digest]
	l.mu.Unlock()
	if ok {
		return io.NopCloser(bytes.NewReader(raw)), nil
	}
	return l.fetch(ctx, desc)
}

// fetch asks for a document within the bounds of what is asked beside the image, where they can be kept.
func (l *Lookup) fetch(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	names, err := l.Repository()
	if err != nil {
		return nil, err
	}
	if names.bounds == nil {
		return l.Fetcher.Fetch(ctx, desc)
	}
	fetcher, err := names.documents(ctx, l.Name)
	if err != nil {
		return nil, err
	}
	if l.Through != nil {
		return l.Through(ctx, fetcher).Fetch(ctx, desc)
	}
	return fetcher.Fetch(ctx, desc)
}
