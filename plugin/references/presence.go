// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package references

import (
	"context"
	"fmt"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/refract-oci/refract/plugin/native"
)

// concurrentLooks hides the daemon's answer time: an index of 4 MiB lists ten thousand references.
const concurrentLooks = 8

// look sees which references the store has.
func (l *Listing) look(ctx context.Context, store content.InfoReaderProvider) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(concurrentLooks)
	for i := range l.References {
		reference := &l.References[i]
		group.Go(func() error {
			var err error
			reference.Present, err = present(ctx, store, reference.Descriptor)
			return err
		})
	}
	return group.Wait()
}

// present tells whether the store has a reference whole. What is kept in an annotation came with its index.
func present(ctx context.Context, store content.InfoReaderProvider, desc ocispec.Descriptor) (native.Answer, error) {
	if desc.Digest == "" {
		return native.Yes, nil
	}
	if desc.Digest.Validate() != nil {
		// Of an algorithm that containerd does not know, so it cannot have it.
		return native.No, nil
	}
	info, err := store.Info(ctx, desc.Digest)
	if errdefs.IsNotFound(err) {
		return native.No, nil
	}
	if err != nil {
		return native.Unknown, fmt.Errorf("reference %s: %w", desc.Digest, err)
	}
	if info.Size != desc.Size {
		return native.Unknown, nil
	}
	if native.MediaTypeKind(desc.MediaType) != native.KindManifest {
		return native.Yes, nil
	}
	manifest, _, err := readManifest(ctx, store, desc)
	if _, unreadable := native.StatusOf(err); unreadable {
		return native.Unknown, nil
	}
	if err != nil {
		return native.Unknown, err
	}
	for _, blob := range append([]ocispec.Descriptor{manifest.Config}, manifest.Layers...) {
		if blob.Digest == "" {
			continue
		}
		_, err := store.Info(ctx, blob.Digest)
		if errdefs.IsNotFound(err) {
			return native.No, nil
		}
		if err != nil {
			return native.Unknown, fmt.Errorf("reference %s: blob %s: %w", desc.Digest, blob.Digest, err)
		}
	}
	return native.Yes, nil
}

// readManifest reads an artifact's manifest from the store, as strictly as a walk reads.
func readManifest(ctx context.Context, store content.Provider, desc ocispec.Descriptor) (*native.Manifest, []byte, error) {
	raw, err := read(ctx, store, desc, native.DefaultLimits().DocumentBytes)
	if err != nil {
		return nil, nil, fmt.Errorf("manifest %s: %w", desc.Digest, err)
	}
	manifest, err := native.ReadManifest(desc.Digest.String(), raw)
	return manifest, raw, err
}
