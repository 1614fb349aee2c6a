// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package discover searches a pull's repository for references to its image, with the pull's own hosts and credentials. C++
// decides which questions there are and what a response means. This package makes the requests, within the policy's limits of
// time, requests and bytes for all of them.
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

// Lookup makes the requests of a search to a pull's registry, with the pull's own hosts, headers and credentials. It passes on
// the responses.
type Lookup struct {
	Origin
	deadline time.Duration // for all requests

	told  sync.Mutex // serialises the search's responses
	large sync.Mutex // serialises the reading of large responses

	given, taken *turns.Turn // turns that allow much memory; guarded by large

	mu   sync.Mutex
	left int64                    // bytes that further responses may take, valid or not
	held int64                    // bytes that responses have taken
	read map[digest.Digest][]byte // documents that were fetched, so that they are not requested again
}

// concurrentQuestions is how many questions are asked at a time: enough to hide a registry's latency, few compared with layers.
const concurrentQuestions = 4

// Turns bound the look-ups that take much memory: those that wait while documents of a large index are in memory, and those
// with large responses. Each keeps its turn until its deadline at most, so the next one waits no longer than that.
var Turns = turns.New(4, nil)

const (
	// smallAnswer is the largest response, in bytes, that is read concurrently. Manifests and lists of referrers are seldom
	// larger; larger ones are read one after the other.
	smallAnswer = 64 << 10
	// smallSearch is how many bytes all responses of a search may take without a turn.
	smallSearch = 256 << 10
	// rememberedDocuments is how many bytes of documents stay in memory until references are downloaded, after the layers.
	rememberedDocuments = 64 << 10
)

// Origin is where a pull gets its image from.
type Origin struct {
	Name    string // of the image
	Fetcher remotes.Fetcher
	// Repository resolves other names in the image's repository. Each call returns the same one.
	Repository func() (*Repository, error)
	// Through wraps a fetcher so that its downloads count as the pull's progress; nil: there is nothing to count.
	Through func(context.Context, transfer.Fetcher) transfer.Fetcher
}

// NewLookup makes a look-up for a pull.
func NewLookup(from Origin, p policy.Policy) *Lookup {
	deadline, _ := p.LookupLimits()
	return &Lookup{Origin: from, deadline: deadline, read: map[digest.Digest][]byte{}}
}

// SourcesOf returns the sources for a policy's places. A digest's tag may list references of both Proposal F and the
// distribution specification. Without a referrers API, containerd looks under that tag by itself.
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

// Run asks all questions, as far as the registry responds and the policy's deadline allows. What could not be searched is
// logged as a warning and returned; the references that are known stay valid. The turn allows responses to take much memory; if
// it is nil, Run takes one when needed. why is the reason if nothing is to be asked.
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

// inTime asks until the deadline.
func (l *Lookup) inTime(ctx context.Context, search *native.Search, round *native.Round) error {
	late := &Silence{Text: fmt.Sprintf("the deadline of %s is used up", l.deadline)}
	ctx, cancel := context.WithTimeoutCause(ctx, l.deadline, late)
	defer cancel()
	return l.answer(ctx, search, round)
}

// answer asks until the search is done. An unanswered question does not keep others from being asked; the error lists all of
// them.
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
				// The response is passed on at once, so that only responses in flight are held here.
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

// reply is the response to one question. Both fields may be set: the beginning of a list, and why there may be more.
type reply struct {
	raw []byte
	err error
}

// reply makes the request, unless the deadline has passed.
func (l *Lookup) reply(ctx context.Context, names *Repository, question native.Question) reply {
	var got reply
	if ctx.Err() == nil {
		ctx := withQuery(ctx, func(body io.Reader) ([]byte, error) { return l.take(ctx, body) })
		got.raw, got.err = l.ask(ctx, names, question)
		if why := queryOf(ctx).unanswered(); why != nil && errdefs.IsNotFound(got.err) {
			// containerd reports what one host said, although another did not respond.
			got.err = why
		}
	}
	if ctx.Err() != nil && got.raw == nil {
		// The error of an interrupted request says less.
		got.err = context.Cause(ctx)
	}
	return got
}

// tell passes the response to the search. It returns why the question stays unanswered, if it does.
func (r reply) tell(search *native.Search, number int) (open, err error) {
	reason, final := regerr.Final(r.err)
	if r.err != nil && !final {
		open = regerr.Readable(r.err)
		if silent := new(Silence); errors.As(r.err, &silent) {
			// This text is the same for every URL of the host.
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
	// Ask for one more byte: of a longer document, containerd's fetcher returns the beginning.
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

// take reads a response. All of them together may not exceed the search's limit, whether valid or not.
func (l *Lookup) take(ctx context.Context, body io.Reader) ([]byte, error) {
	var raw bytes.Buffer
	// Read one more byte than fits, to notice that there is more.
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

// await waits for a turn to take much memory, until the deadline.
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

// KeepOnly forgets the documents that were read, except small ones that will be downloaded.
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

// referrers has containerd list the referrers, and passes on the list as received. The list has no digest to verify: each
// artifact in it has.
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
		// The error's kind is dropped: containerd returns NotFound for a list that is too long.
		err = fmt.Errorf("referrers: %w", errors.New(regerr.Readable(err).Error()))
	}
	if err = cmp.Or(unknown, err); err != nil && len(listed) == 0 {
		return nil, err
	}
	index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: append([]ocispec.Descriptor{}, listed...)}
	index.SchemaVersion = 2
	var raw bytes.Buffer
	// Escaping for HTML could multiply the size.
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

// Fetch returns documents that were read already from memory.
func (l *Lookup) Fetch(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	l.mu.Lock()
	raw, ok := l.read[desc.Digest]
	l.mu.Unlock()
	if ok {
		return io.NopCloser(bytes.NewReader(raw)), nil
	}
	return l.fetch(ctx, desc)
}

// fetch requests a document within the bounds, if there are any.
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
