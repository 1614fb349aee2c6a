// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package artifact downloads one attached artifact whole: its manifest, config and layers. It does not unpack anything.
package artifact

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
)

// ErrTooLarge is why an artifact was not downloaded: together with its blobs it is over the cap.
var ErrTooLarge = errors.New("artifact is larger than max_bytes allows")

// Fetch downloads an artifact into the store and returns the digests of all its content, its own first. The manifest is stored
// last, so that where it is, the rest is too. Blobs are streamed; one that is longer than its descriptor says is refused as
// soon as it is. What the store has is not asked for. An index or a plain blob is its own only content. maxBytes caps the sum
// of all sizes; zero or less means no cap.
//
// The caller holds a lease: until a label keeps it, nothing else does.
func Fetch(ctx context.Context, store content.Store, fetcher remotes.Fetcher, artifact ocispec.Descriptor, maxBytes int64) ([]digest.Digest, error) {
	if err := fits(artifact.Digest, artifact.Size, maxBytes); err != nil {
		return nil, err
	}
	if native.MediaTypeKind(artifact.MediaType) != native.KindManifest {
		if err := fetchBlob(ctx, store, fetcher, artifact); err != nil {
			return nil, err
		}
		return []digest.Digest{artifact.Digest}, nil
	}
	raw, err := readManifest(ctx, store, fetcher, artifact)
	if err != nil {
		return nil, err
	}
	blobs, err := parts(artifact.Digest, raw)
	if err != nil {
		return nil, err
	}
	total := artifact.Size
	for _, blob := range blobs {
		// Never summed past what an int64 holds: sizes come from strangers.
		if blob.Size < 0 || blob.Size > math.MaxInt64-total {
			return nil, fmt.Errorf("manifest %s: blob %s has the size %d: %w", artifact.Digest, blob.Digest, blob.Size, errdefs.ErrInvalidArgument)
		}
		total += blob.Size
	}
	if err := fits(artifact.Digest, total, maxBytes); err != nil {
		return nil, err
	}
	fetched := []digest.Digest{artifact.Digest}
	for _, blob := range blobs {
		if err := fetchBlob(ctx, store, fetcher, blob); err != nil {
			return nil, fmt.Errorf("manifest %s: %w", artifact.Digest, err)
		}
		fetched = append(fetched, blob.Digest)
	}
	if err := content.WriteBlob(ctx, store, remotes.MakeRefKey(ctx, plain(artifact)), bytes.NewReader(raw), plain(artifact)); err != nil {
		return nil, err
	}
	return fetched, nil
}

// readManifest gets a manifest's bytes from the store, else from the registry, and never more than one past its size. They are
// not checked yet.
func readManifest(ctx context.Context, store content.Provider, fetcher remotes.Fetcher, artifact ocispec.Descriptor) ([]byte, error) {
	if limit := native.DefaultLimits().DocumentBytes; artifact.Size < 0 || uint64(artifact.Size) > limit {
		return nil, fmt.Errorf("manifest %s of %d bytes is over the limit of %d: %w", artifact.Digest, artifact.Size, limit, errdefs.ErrResourceExhausted)
	}
	if err := artifact.Digest.Validate(); err != nil {
		return nil, fmt.Errorf("manifest %q: %w: %w", artifact.Digest.String(), err, errdefs.ErrInvalidArgument)
	}
	raw, err := content.ReadBlob(ctx, store, plain(artifact))
	if !errdefs.IsNotFound(err) {
		return raw, err
	}
	body, err := fetcher.Fetch(ctx, plain(artifact))
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(io.LimitReader(body, artifact.Size+1))
}

// Blobs are the config and the layers of an artifact manifest in the store, read strictly. Each digest comes once.
func Blobs(ctx context.Context, store content.Provider, artifact ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	raw, err := content.ReadBlob(ctx, store, plain(artifact))
	if err != nil {
		return nil, err
	}
	return parts(artifact.Digest, raw)
}

func parts(artifact digest.Digest, raw []byte) ([]ocispec.Descriptor, error) {
	manifest, err := native.ReadManifest(artifact.String(), raw)
	if err != nil {
		return nil, err
	}
	var blobs []ocispec.Descriptor
	seen := map[digest.Digest]bool{artifact: true}
	for _, blob := range append([]ocispec.Descriptor{manifest.Config}, manifest.Layers...) {
		if blob.Digest != "" && !seen[blob.Digest] {
			seen[blob.Digest] = true
			blobs = append(blobs, blob)
		}
	}
	return blobs, nil
}

// plain keeps of a descriptor what names the bytes: a registry's annotations and URLs decide nothing here.
func plain(of ocispec.Descriptor) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: of.MediaType, Digest: of.Digest, Size: of.Size}
}

func fits(artifact digest.Digest, size, maxBytes int64) error {
	if maxBytes > 0 && size > maxBytes {
		return fmt.Errorf("%s takes %d bytes, max_bytes is %d: %w", artifact, size, maxBytes, ErrTooLarge)
	}
	return nil
}

func fetchBlob(ctx context.Context, store content.Store, fetcher remotes.Fetcher, blob ocispec.Descriptor) error {
	if err := blob.Digest.Validate(); err != nil {
		return fmt.Errorf("blob %q: %w: %w", blob.Digest.String(), err, errdefs.ErrInvalidArgument)
	}
	err := remotes.Fetch(ctx, store, bounded{fetcher}, plain(blob))
	if err != nil && !errdefs.IsAlreadyExists(err) {
		return err
	}
	return nil
}

// bounded fetches no more than a descriptor says, whatever comes.
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
