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

// Put stores verified bytes, unless the store has them.
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

// Write stores verified bytes. It discards what an interrupted attempt left in the same writer, because that was never
// verified. The caller still has to close the writer.
func Write(ctx context.Context, to content.Writer, raw []byte, desc ocispec.Descriptor) error {
	status, err := to.Status()
	if err != nil {
		return fmt.Errorf("%s: %w", desc.Digest, err)
	}
	if status.Offset > 0 {
		// content.Copy would not work here: over containerd's client, a truncated writer reports its old offset until the first
		// bytes are written.
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
