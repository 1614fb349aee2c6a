// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"io"
	"net/http/httptrace"
	"time"

	"github.com/containerd/containerd/v2/core/transfer"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// download is one that a pull has a writer for. Only time in which it waits for its registry counts: neither the disk nor the pulls before
// it, which a limit of containerd's has it wait for, are the registry's fault. The sharing's lock guards it.
type download struct {
	sharing *Sharing
	by      *party
	digest  digest.Digest

	asked bool      // some host
	since time.Time // when the read that waits now began to; zero: none does
	// What it waited, and what it got, since that was last looked at.
	waited time.Duration
	bytes  int64
	slow   bool // by then
}

// isSlow tells whether others wait for it no longer.
func (d *download) isSlow(now time.Time) bool {
	return d.slow || d.waitedBy(now) >= d.sharing.Patience && d.bytes < WorthBytes
}

func (d *download) waitedBy(now time.Time) time.Duration {
	if d.since.IsZero() || !d.asked {
		return d.waited
	}
	return d.waited + now.Sub(d.since)
}

// reads is called before a read.
func (d *download) reads() {
	d.sharing.mu.Lock()
	defer d.sharing.mu.Unlock()
	d.since = time.Now()
}

// asks is called when a host is asked.
func (d *download) asks() {
	d.sharing.mu.Lock()
	defer d.sharing.mu.Unlock()
	if !d.asked {
		d.asked = true
		if !d.since.IsZero() {
			d.since = time.Now()
		}
	}
}

// got is called behind a read.
func (d *download) got(bytes int) {
	d.sharing.mu.Lock()
	defer d.sharing.mu.Unlock()
	d.asked = d.asked || bytes > 0
	d.waited, d.since = d.waitedBy(time.Now()), time.Time{}
	d.bytes += int64(bytes)
	if d.waited >= d.sharing.Patience {
		d.slow = d.bytes < WorthBytes
		d.waited, d.bytes = 0, 0
	}
}

// measuring is a pull's fetcher, whose bodies are counted as the downloads that they are for.
type measuring struct {
	transfer.Fetcher
	by *party
}

// measured counts the bodies of a fetcher where pulls share.
func measured(ctx context.Context, fetcher transfer.Fetcher) transfer.Fetcher {
	if by := partyOf(ctx); by != nil {
		return measuring{fetcher, by}
	}
	return fetcher
}

func (m measuring) Fetch(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	one := m.by.download(desc.Digest)
	if one == nil {
		return m.Fetcher.Fetch(ctx, desc)
	}
	// containerd waits for its limit when it opens a body, which is when that is first read, and asks a host then.
	body, err := m.Fetcher.Fetch(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GetConn: func(string) { one.asks() }}), desc)
	if err != nil {
		return nil, err
	}
	counted := &measuredBody{body, one}
	if seeker, ok := body.(io.Seeker); ok {
		// By this a download goes on where an earlier one was cut off.
		return struct {
			*measuredBody
			io.Seeker
		}{counted, seeker}, nil
	}
	return counted, nil
}

// download is what the pull has begun to download under that digest, last; nil: nothing that others could want, too.
func (p *party) download(of digest.Digest) *download {
	p.sharing.mu.Lock()
	defer p.sharing.mu.Unlock()
	var mine *download
	for _, one := range p.sharing.downloads[of] {
		if one.by == p {
			mine = one
		}
	}
	return mine
}

type measuredBody struct {
	io.ReadCloser
	download *download
}

func (b *measuredBody) Read(bytes []byte) (int, error) {
	b.download.reads()
	read, err := b.ReadCloser.Read(bytes)
	b.download.got(read)
	return read, err
}
