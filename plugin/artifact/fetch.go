// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package artifact downloads one attached artifact completely: its manifest, config and layers, or all content of an index. It
// does not unpack anything.
package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
)

// ErrTooLarge says that an artifact was not downloaded because it exceeds a cap, together with all its content.
var ErrTooLarge = errors.New("artifact is too large")

// Fetch downloads an artifact into the store and returns the digests of all its content, its own first. Large content is
// downloaded only once all sizes are known and fit: maxBytes caps their sum (zero or less means no cap), and the library's
// limits cap the number of blobs. Blobs are streamed; one that is longer than its descriptor says is refused at the first extra
// byte. Content that the store has is not requested. A manifest or index is stored after its content, with labels by which the
// garbage collector keeps that content as long as the manifest. So keeping the artifact's own digest keeps all of it.
//
// The caller holds a lease: nothing else keeps the content until a label keeps the artifact.
func Fetch(ctx context.Context, store content.Store, fetcher remotes.Fetcher, artifact ocispec.Descriptor, maxBytes int64, options ...Option) ([]digest.Digest, error) {
	plan := &plan{store: store, fetcher: fetcher, artifact: artifact.Digest, maxBytes: maxBytes, seen: map[digest.Digest]bool{}}
	for _, option := range options {
		option(plan)
	}
	defer plan.budget.pass(plan.number)
	if err := plan.add(ctx, artifact); err != nil {
		return nil, err
	}
	if err := plan.budget.take(ctx, plan.number, artifact.Digest, plan.bytes); err != nil {
		return nil, err
	}
	plan.budget.pass(plan.number)
	for _, blob := range plan.blobs {
		if err := plan.fetchBlob(ctx, blob); err != nil {
			return nil, err
		}
	}
	for i := len(plan.documents) - 1; i >= 0; i-- {
		if err := plan.documents[i].keep(ctx, store); err != nil {
			return nil, err
		}
	}
	return plan.content, nil
}

// Option changes what is downloaded.
type Option func(*plan)

// For leaves out of an index the entries that declare another platform, as containerd's own pulls do.
func For(matcher platforms.Matcher) Option { return func(p *plan) { p.matcher = matcher } }

// document is a manifest or index that was read, and the descriptors that it lists.
type document struct {
	desc     ocispec.Descriptor
	raw      []byte
	children []ocispec.Descriptor
}

// keep stores the document with labels that keep its children.
func (d *document) keep(ctx context.Context, store content.Store) error {
	if err := Put(ctx, store, d.raw, d.desc); err != nil {
		return err
	}
	label := images.SetChildrenLabels(store, func(context.Context, ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		return d.children, nil
	})
	_, err := label(ctx, d.desc)
	return err
}

func (p *plan) fetchBlob(ctx context.Context, blob ocispec.Descriptor) error {
	var err error
	if blob.Size == 0 {
		// containerd does not fetch empty content, and there is nothing to request.
		if err = native.VerifyDigest(blob.Digest.String(), nil); err == nil {
			err = Put(ctx, p.store, nil, blob)
		}
	} else {
		err = remotes.Fetch(ctx, opening{p.store}, bounded{p.fetcher}, blob)
	}
	if err == nil || errdefs.IsAlreadyExists(err) {
		return nil
	}
	if blob.Digest == p.artifact {
		return err
	}
	return fmt.Errorf("manifest %s: %w", p.artifact, err)
}

// opening is a store whose writers wait for another download of the same content, but not for one that has stalled.
type opening struct{ content.Store }

func (o opening) Writer(ctx context.Context, options ...content.WriterOpt) (content.Writer, error) {
	var growth Growth
	return Open(ctx, o.Store, func(ref string) bool { return growth.Stands(ctx, o.Store, ref, Patience) }, options...)
}

// plain reduces a descriptor to what identifies the bytes: annotations and URLs from a registry must not decide anything here.
func plain(of ocispec.Descriptor) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: of.MediaType, Digest: of.Digest, Size: of.Size}
}

// bounded fetches no more bytes than a descriptor says.
type bounded struct{ remotes.Fetcher }

func (b bounded) Fetch(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	body, err := b.Fetcher.Fetch(ctx, desc)
	if err != nil {
		return nil, err
	}
	return &boundedBody{ReadCloser: body, desc: desc, left: desc.Size}, nil
}

type boundedBody struct {
	io.ReadCloser
	desc ocispec.Descriptor
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return 0, fmt.Errorf("%s is longer than the %d bytes that its descriptor says: %w", b.desc.Digest, b.desc.Size, errdefs.ErrDataLoss)
	}
	return n, err
}
