// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"fmt"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/regerr"
)

// identify gives a root the media type that its bytes have: registries, mirrors and file servers serve documents as whatever they
// like, and containerd believes them. The document is one that the pull wants anyhow, and stays for it in the store. What is too
// large, is not there, or is neither an index nor a manifest is left for containerd to judge.
func (d *documents) identify(ctx context.Context, root ocispec.Descriptor) (ocispec.Descriptor, error) {
	limit := native.DefaultLimits().DocumentBytes
	if root.Size <= 0 || uint64(root.Size) > limit {
		return root, nil
	}
	asked := root
	if native.MediaTypeKind(root.MediaType) == native.KindOther {
		// containerd would ask for a blob.
		asked.MediaType = ocispec.MediaTypeImageIndex
	}
	read, err := d.get(ctx, asked, limit)
	if err != nil {
		if _, final := regerr.Final(err); final {
			err = nil
		}
		return root, err
	}
	defer read.discard(ctx)
	if read.isLarge() {
		turn, err := selections.Take(ctx)
		if err != nil {
			return root, err
		}
		defer turn.Done()
	}
	if err := read.load(ctx); err != nil {
		return root, err
	}
	if native.VerifyDigest(root.Digest.String(), read.bytes) != nil {
		return root, nil
	}
	is, unreadable := native.Identify(root.MediaType, read.bytes)
	if _, err := read.keep(ctx); err != nil {
		return root, err
	}
	if status, _ := native.StatusOf(unreadable); status == native.StatusLimitExceeded {
		return root, unreadable
	}
	if unreadable == nil {
		root.MediaType = is.MediaType
	}
	return root, nil
}

// identifyBounded is the same for one who goes on: what goes wrong goes wrong again when the document is asked for again, and that says
// so. Only of a manifest that has too much in it nobody else would: containerd would label all its layers, however many, while everybody
// else waits. Of an index the walk says it.
func (d *documents) identifyBounded(ctx context.Context, root ocispec.Descriptor) (ocispec.Descriptor, error) {
	identified, err := d.identify(ctx, root)
	if err == nil {
		return identified, nil
	}
	if status, _ := native.StatusOf(err); status == native.StatusLimitExceeded && native.MediaTypeKind(root.MediaType) != native.KindIndex {
		return root, fmt.Errorf("manifest %s: %w", root.Digest, err)
	}
	return root, nil
}
