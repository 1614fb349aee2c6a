// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"context"
	"crypto/rand"
	mathrand "math/rand/v2"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Patience is how long somebody else's download of the same content is waited for while next to nothing of it comes. containerd writes a
// megabyte at a time, so that whoever downloads less than that in it, 100 KiB in a second, is waited for no longer: a second download costs
// little then, beside a wait that a stranger can draw out as he likes.
const Patience = 10 * time.Second

// longestPause is how long it may take to notice that somebody else's download has ended.
const longestPause = 250 * time.Millisecond

// Open opens the writer that the options name. While somebody else has it, alone is asked again and again whether to wait no longer:
// then it is one that nobody else has.
func Open(ctx context.Context, store content.Store, alone func(ref string) bool, options ...content.WriterOpt) (content.Writer, error) {
	var wanted content.WriterOpts
	for _, option := range options {
		if err := option(&wanted); err != nil {
			return nil, err
		}
	}
	for pause := 8 * time.Millisecond; ; pause = min(2*pause, longestPause) {
		writer, err := store.Writer(ctx, options...)
		if !errdefs.IsUnavailable(err) {
			return writer, err
		}
		if alone(wanted.Ref) {
			return OpenAlone(ctx, store, wanted.Desc)
		}
		select {
		case <-time.After(mathrand.N(pause)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Growth watches a download that somebody else has begun.
type Growth struct {
	offset int64
	since  time.Time
}

// Stands tells whether nothing was written of it for that long.
func (g *Growth) Stands(ctx context.Context, store content.Store, ref string, patience time.Duration) bool {
	now := time.Now()
	status, err := store.Status(ctx, ref)
	if g.since.IsZero() || err != nil || status.Offset != g.offset {
		g.offset, g.since = status.Offset, now
		return false
	}
	return now.Sub(g.since) >= patience
}

// own is in the key of each writer that nobody else has, behind that of containerd's own fetch.
const own = "-refract-"

// SharedRef is the key of containerd's own fetch of what has that key.
func SharedRef(ref string) string {
	if at := strings.LastIndex(ref, own); at > 0 {
		return ref[:at]
	}
	return ref
}

// OpenAlone opens a writer that nobody else has: whoever downloads the same content, as slowly as a registry may have it, is not waited for.
// It is errdefs.ErrAlreadyExists if the store has the content. When it is closed, what was not committed goes: nobody could build upon it.
func OpenAlone(ctx context.Context, store content.Store, desc ocispec.Descriptor) (content.Writer, error) {
	ref := remotes.MakeRefKey(ctx, desc) + own + rand.Text()
	writer, err := content.OpenWriter(ctx, store, content.WithRef(ref), content.WithDescriptor(desc))
	if err != nil {
		return nil, err
	}
	return &alone{Writer: writer, abort: func() {
		// Also when the pull was cancelled.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortLimit)
		defer cancel()
		if err := store.Abort(ctx, ref); err != nil && !errdefs.IsNotFound(err) {
			log.G(ctx).WithError(err).Debug("could not take away what was downloaded in part")
		}
	}}, nil
}

// abortLimit is how long it may take to take away what is not wanted any more.
const abortLimit = 5 * time.Second

type alone struct {
	content.Writer
	abort func() // nil when there is nothing left
}

func (a *alone) Commit(ctx context.Context, size int64, expected digest.Digest, options ...content.Opt) error {
	err := a.Writer.Commit(ctx, size, expected, options...)
	if err == nil || errdefs.IsAlreadyExists(err) {
		a.abort = nil
	}
	return err
}

func (a *alone) Close() error {
	err := a.Writer.Close()
	if a.abort != nil {
		a.abort()
		a.abort = nil
	}
	return err
}
