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

	"github.com/refract-oci/refract/plugin/artifact"
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
	left := int(native.DefaultLimits().ReferenceBlobs)
	return presentOf(ctx, store, desc, &left)
}

func presentOf(ctx context.Context, store content.InfoReaderProvider, desc ocispec.Descriptor, left *int) (native.Answer, error) {
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
	if kind := native.MediaTypeKind(desc.MediaType); kind != native.KindManifest && kind != native.KindIndex {
		return native.Yes, nil
	}
	raw, err := read(ctx, store, desc, native.DefaultLimits().DocumentBytes)
	if err != nil {
		return native.Unknown, fmt.Errorf("manifest %s: %w", desc.Digest, err)
	}
	children, err := artifact.Children(desc, raw)
	if _, unreadable := native.StatusOf(err); unreadable {
		return native.Unknown, nil
	}
	if err != nil {
		return native.Unknown, err
	}
	for _, child := range children {
		// No more is looked at than a fetch takes: what is larger than that cannot be here whole.
		if *left--; *left < 0 {
			return native.No, nil
		}
		if answer, err := presentOf(ctx, store, child, left); answer != native.Yes || err != nil {
			return answer, err
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
