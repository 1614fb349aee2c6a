// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/plugin/artifact"
)

// Sharing lets the pulls of one process download and unpack once what several of them want. Containerd's own does, too: one pull has the
// lock of a layer, and all others wait for as long as its registry likes. Whoever lists the digest of a well-known layer, and serves it a
// byte a second, would hold up everybody. Here, the others wait while it gets on.
type Sharing struct {
	// Patience is how long a download may bring less than [WorthBytes] before others wait for it no longer. It is set before there are any.
	Patience time.Duration

	store content.Store

	mu        sync.Mutex
	downloads map[digest.Digest][]*download
	locks     map[string]*lock
}

// WorthBytes is what a download has to bring in each such time: what containerd writes to its store at once.
const WorthBytes = 1 << 20

// NewSharing makes it for the content store that is pulled into.
func NewSharing(store content.Store) *Sharing {
	return &Sharing{store: store, Patience: artifact.Patience, downloads: map[digest.Digest][]*download{}, locks: map[string]*lock{}}
}

// WithSharing has pulls share. The transfer service that is decorated has to have the sharing's store, and it as what keeps from doing things
// twice (DuplicationSuppressor).
func WithSharing(s *Sharing) Option {
	return func(t *transferrer) { t.sharing = s }
}

// party is one pull, to the others.
type party struct{ sharing *Sharing }

type partyKey struct{}

// join gives a pull's context, by which it is known again.
func (s *Sharing) join(ctx context.Context) context.Context {
	if s == nil {
		return ctx
	}
	return context.WithValue(ctx, partyKey{}, &party{s})
}

func partyOf(ctx context.Context) *party {
	one, _ := ctx.Value(partyKey{}).(*party)
	return one
}

// Store is the content store for the transfer service that is decorated.
func (s *Sharing) Store() content.Store { return sharedStore{s.store, s} }

type sharedStore struct {
	content.Store
	sharing *Sharing
}

// Writer waits for who has the same writer, while that is worth it.
func (s sharedStore) Writer(ctx context.Context, options ...content.WriterOpt) (content.Writer, error) {
	var wanted content.WriterOpts
	for _, option := range options {
		if err := option(&wanted); err != nil {
			return nil, err
		}
	}
	mine := partyOf(ctx)
	if mine == nil || wanted.Desc.Digest == "" {
		return s.Store.Writer(ctx, options...)
	}
	var begun *download
	var elsewhere artifact.Growth
	writer, err := artifact.Open(ctx, s.Store, func(ref string) bool {
		// Of those that another process downloads, no more can be seen than what they write.
		stands := !s.sharing.knows(wanted.Desc.Digest) && elsewhere.Stands(ctx, s.Store, ref, s.sharing.Patience)
		begun = s.sharing.overtake(mine, wanted.Desc.Digest, stands)
		return begun != nil
	}, options...)
	if begun == nil && err == nil {
		begun = s.sharing.begin(mine, wanted.Desc.Digest)
	}
	if err != nil {
		s.sharing.end(begun)
		return nil, err
	}
	return &sharedWriter{Writer: writer, end: sync.OnceFunc(func() { s.sharing.end(begun) })}, nil
}

// ListStatuses has a pull see its own downloads under the names that containerd's progress knows.
func (s sharedStore) ListStatuses(ctx context.Context, filters ...string) ([]content.Status, error) {
	all, err := s.Store.ListStatuses(ctx, filters...)
	for i := range all {
		all[i].Ref = artifact.SharedRef(all[i].Ref)
	}
	slices.SortStableFunc(all, func(a, b content.Status) int { return cmp.Compare(b.Offset, a.Offset) })
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(one content.Status) bool {
		before := seen[one.Ref]
		seen[one.Ref] = true
		return before
	}), err
}

type sharedWriter struct {
	content.Writer
	end func()
}

func (w *sharedWriter) Close() error {
	defer w.end()
	return w.Writer.Close()
}

// begin counts a download that a pull has begun.
func (s *Sharing) begin(by *party, of digest.Digest) *download {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(by, of)
}

// add wants the lock.
func (s *Sharing) add(by *party, of digest.Digest) *download {
	one := &download{sharing: s, by: by, digest: of}
	s.downloads[of] = append(s.downloads[of], one)
	return one
}

// end forgets one; nil: there is none.
func (s *Sharing) end(one *download) {
	if one == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	left := slices.DeleteFunc(s.downloads[one.digest], func(other *download) bool { return other == one })
	if len(left) == 0 {
		delete(s.downloads, one.digest)
	} else {
		s.downloads[one.digest] = left
	}
}

// knows tells whether a pull of this process downloads that.
func (s *Sharing) knows(d digest.Digest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.downloads[d]) > 0
}

// overtake begins a download of what nobody downloads as it should; else it returns nil. Of those that wait, it is one that does: the others
// wait for it. Of what none of this process's pulls downloads, stands tells whether anybody else's gets on.
func (s *Sharing) overtake(mine *party, of digest.Digest, stands bool) *download {
	s.mu.Lock()
	defer s.mu.Unlock()
	if all := s.downloads[of]; len(all) == 0 && !stands || slices.ContainsFunc(all, func(one *download) bool { return !one.isSlow(time.Now()) }) {
		return nil
	}
	return s.add(mine, of)
}

// lags tells whether a pull waits for its registry longer than it should, whatever for. It wants the lock.
func (s *Sharing) lags(who *party) bool {
	now := time.Now()
	for _, all := range s.downloads {
		if slices.ContainsFunc(all, func(one *download) bool { return one.by == who && one.isSlow(now) }) {
			return true
		}
	}
	return false
}
