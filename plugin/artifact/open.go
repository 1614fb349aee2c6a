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

// Patience is how long another download of the same content may stall before it is no longer waited for. containerd writes a
// megabyte at a time, so a download of less than that in this time (100 KiB a second) counts as stalled. A second download is
// cheap compared with a wait that a stranger can prolong at will.
const Patience = 10 * time.Second

// longestPause is the longest time until the end of another download is noticed.
const longestPause = 250 * time.Millisecond

// Open opens the writer that the options name. While another download holds it, Open calls alone repeatedly. Once alone returns
// true, Open stops waiting and opens a separate writer.
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

// Growth watches another download.
type Growth struct {
	offset int64
	since  time.Time
}

// Stands tells whether the download has written nothing for that long.
func (g *Growth) Stands(ctx context.Context, store content.Store, ref string, patience time.Duration) bool {
	now := time.Now()
	status, err := store.Status(ctx, ref)
	if g.since.IsZero() || err != nil || status.Offset != g.offset {
		g.offset, g.since = status.Offset, now
		return false
	}
	return now.Sub(g.since) >= patience
}

// own is part of the key of each separate writer, after the key of containerd's own fetch.
const own = "-refract-"

// SharedRef returns the key of containerd's own fetch for the key of a separate writer.
func SharedRef(ref string) string {
	if at := strings.LastIndex(ref, own); at > 0 {
		return ref[:at]
	}
	return ref
}

// OpenAlone opens a separate writer, so that a slow download of the same content does not block it. It returns
// errdefs.ErrAlreadyExists if the store has the content. Closing the writer removes what was not committed, because no other
// download could resume it.
func OpenAlone(ctx context.Context, store content.Store, desc ocispec.Descriptor) (content.Writer, error) {
	ref := remotes.MakeRefKey(ctx, desc) + own + rand.Text()
	writer, err := content.OpenWriter(ctx, store, content.WithRef(ref), content.WithDescriptor(desc))
	if err != nil {
		return nil, err
	}
	return &alone{Writer: writer, abort: func() {
		// This also runs when the pull was cancelled.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortLimit)
		defer cancel()
		if err := store.Abort(ctx, ref); err != nil && !errdefs.IsNotFound(err) {
			log.G(ctx).WithError(err).Debug("could not take away what was downloaded in part")
		}
	}}, nil
}

// abortLimit is how long removing an unfinished download may take.
const abortLimit = 5 * time.Second

type alone struct {
	content.Writer
	abort func() // nil when there is nothing to remove
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
