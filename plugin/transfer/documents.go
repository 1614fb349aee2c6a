// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"fmt"
	"io"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/artifact"
	"github.com/refract-oci/refract/plugin/native"
)

// documents reads indexes, manifests and configs: from the content store, else from the registry and into the store.
type documents struct {
	store   content.Store
	fetcher remotes.Fetcher
}

// document is one that was read. It is not trusted yet: what came from the registry is in the store only once it was kept.
type document struct {
	bytes  []byte
	writer content.Writer // nil if the store has it
}

// read gets a document's bytes, and never more than one past what its descriptor and the limit allow: one too many is what
// tells the walk that there are too many.
func (d *documents) read(ctx context.Context, desc ocispec.Descriptor, limit uint64) (*document, error) {
	if desc.Size < 0 {
		return nil, fmt.Errorf("document %s has the size %d: %w", desc.Digest, desc.Size, errdefs.ErrInvalidArgument)
	}
	if err := desc.Digest.Validate(); err != nil {
		return nil, fmt.Errorf("document %q: %w: %w", desc.Digest.String(), err, errdefs.ErrInvalidArgument)
	}
	most := int64(min(uint64(desc.Size), limit)) + 1
	// Asked for first, also where the store has the document: that puts it under the transfer's lease, which reading does not.
	// The same key as containerd's own fetch: of two pulls, one waits for the other instead of asking again.
	writer, err := content.OpenWriter(ctx, d.store, content.WithRef(remotes.MakeRefKey(ctx, desc)), content.WithDescriptor(desc))
	if errdefs.IsAlreadyExists(err) {
		return d.held(ctx, desc, most)
	}
	if err != nil {
		return nil, err
	}
	read := &document{writer: writer}
	if complete, err := read.complete(ctx, desc); complete || err != nil {
		read.discard(ctx)
		if err != nil {
			return nil, err
		}
		return d.held(ctx, desc, most)
	}
	if read.bytes, err = d.fetch(ctx, desc, most); err != nil {
		read.discard(ctx)
		return nil, err
	}
	return read, nil
}

func (d *documents) held(ctx context.Context, desc ocispec.Descriptor, most int64) (*document, error) {
	reader, err := d.store.ReaderAt(ctx, desc)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	raw, err := io.ReadAll(io.NewSectionReader(reader, 0, min(reader.Size(), most)))
	if err != nil {
		return nil, err
	}
	return &document{bytes: raw}, nil
}

func (d *documents) fetch(ctx context.Context, desc ocispec.Descriptor, most int64) ([]byte, error) {
	// containerd's fetcher fails when a body goes on past the size that it was told. It is told one more, so that the walk
	// sees the bytes and says what is wrong with them. External URLs are not part of it: only the registry is asked.
	body, err := d.fetcher.Fetch(ctx, ocispec.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size + 1})
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(io.LimitReader(body, most))
}

// complete commits a document that is here but for this namespace: another has it, or a pull ended just before it did this.
// What else is as long is left by a pull of wrong bytes, and read again.
func (r *document) complete(ctx context.Context, desc ocispec.Descriptor) (bool, error) {
	status, err := r.writer.Status()
	if err != nil || desc.Size == 0 || status.Offset != desc.Size || r.writer.Digest() != desc.Digest {
		return false, err
	}
	if err := r.writer.Commit(ctx, desc.Size, desc.Digest); err != nil && !errdefs.IsAlreadyExists(err) {
		return false, err
	}
	return true, nil
}

// keep puts an accepted document into the store. If its size or digest are wrong the walk has seen that too and goes on without
// the document. So does keep: what the store's own check refuses would stay as an ingest, in the way of the next pull.
func (r *document) keep(ctx context.Context, desc ocispec.Descriptor) error {
	if r.writer == nil {
		return nil
	}
	defer r.discard(ctx)
	if int64(len(r.bytes)) != desc.Size || native.VerifyDigest(desc.Digest.String(), r.bytes) != nil {
		return nil
	}
	return artifact.Write(ctx, r.writer, r.bytes, desc)
}

// discard lets go of the writer. An empty ingest may stay; the garbage collector takes it with the lease. Aborting it here
// could take it from another pull that has opened it by now.
func (r *document) discard(ctx context.Context) {
	if r.writer == nil {
		return
	}
	if err := r.writer.Close(); err != nil {
		log.G(ctx).WithError(err).Debug("could not close the writer of a document")
	}
}
