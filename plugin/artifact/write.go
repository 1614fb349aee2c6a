// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"context"
	"fmt"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Put stores bytes that are known to be right, if the store does not have them.
func Put(ctx context.Context, store content.Store, raw []byte, desc ocispec.Descriptor) error {
	writer, err := OpenAlone(ctx, store, desc)
	if errdefs.IsAlreadyExists(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer writer.Close()
	return Write(ctx, writer, raw, desc)
}

// Write stores bytes that are known to be right. What an interrupted attempt left under the same writer is not built upon, because
// nobody has checked it. The writer stays the caller's to close.
func Write(ctx context.Context, to content.Writer, raw []byte, desc ocispec.Descriptor) error {
	status, err := to.Status()
	if err != nil {
		return fmt.Errorf("%s: %w", desc.Digest, err)
	}
	if status.Offset > 0 {
		// Not content.Copy after that: over containerd's client a writer that was truncated still tells its old offset, until the
		// first bytes are written.
		if err := to.Truncate(0); err != nil {
			return fmt.Errorf("%s: %w", desc.Digest, err)
		}
	}
	if len(raw) > 0 {
		if _, err := to.Write(raw); err != nil {
			return fmt.Errorf("%s: %w", desc.Digest, err)
		}
	}
	if err := to.Commit(ctx, desc.Size, desc.Digest); err != nil && !errdefs.IsAlreadyExists(err) {
		return fmt.Errorf("%s: %w", desc.Digest, err)
	}
	return nil
}
