// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/artifact"
	"github.com/refract-oci/refract/plugin/native"
)

// smallDocument is what nobody waits for a turn with: an ordinary index, manifest or config.
const smallDocument = 64 << 10

// sharedFor is how long another pull of the same document is waited for. It may be that of a registry that never ends it.
const sharedFor = 2 * time.Second

// streamBytes is how much of a large document is in memory while it is downloaded.
const streamBytes = 64 << 10

// documents reads indexes, manifests and configs: from the content store, else from the registry and into the store.
type documents struct {
	store   content.Store
	fetcher remotes.Fetcher
	// waits is called before a registry is waited for, or another pull; nil: nobody wants to know.
	waits func()
}

func (d *documents) wait() {
	if d.waits != nil {
		d.waits()
	}
}

// document is one that can be read. It is not trusted yet: a small one that came from the registry is in the store only once it was kept.
type document struct {
	from   *documents
	desc   ocispec.Descriptor
	bytes  []byte // nil until they are loaded
	most   int64
	fresh  bool           // it came from the registry, and is in memory alone
	writer content.Writer // to keep it with; nil: another
	turn   turn           // with which wrong bytes are in memory
	// isChecked: a walk was fed the bytes, and has told whether they are those that it asked for.
	isChecked, isRight bool
}

// turn is one that is given back.
type turn interface{ Done() }

// get makes a document ready to be loaded, and waits for the registry where that takes it. A large one is in the store by then, because its
// bytes must not fill memory for as long as a registry likes.
func (d *documents) get(ctx context.Context, desc ocispec.Descriptor, limit uint64) (*document, error) {
	if desc.Size < 0 {
		return nil, fmt.Errorf("document %s has the size %d: %w", desc.Digest, desc.Size, errdefs.ErrInvalidArgument)
	}
	if err := desc.Digest.Validate(); err != nil {
		return nil, fmt.Errorf("document %q: %w: %w", desc.Digest.String(), err, errdefs.ErrInvalidArgument)
	}
	// Never more than one past what the descriptor and the limit allow: one too many is what tells the walk that there are too many.
	got := &document{from: d, desc: desc, most: int64(min(uint64(desc.Size), limit)) + 1}
	// Asked for first, also where the store has the document: that puts it under the transfer's lease, which reading does not.
	writer, err := d.open(ctx, desc)
	if errdefs.IsAlreadyExists(err) {
		return got, nil
	}
	if err != nil {
		return nil, err
	}
	got.writer = writer
	complete, err := got.complete(ctx)
	switch {
	case complete || err != nil:
		got.close(ctx)
	case desc.Size <= smallDocument:
		got.fresh = true
		got.bytes, err = d.fetch(ctx, desc, got.most)
	default:
		// The writer stays open without being written to: who wants the same document waits for this one.
		err = got.stream(ctx, limit)
		got.close(ctx)
	}
	if err != nil {
		got.discard(ctx)
		return nil, err
	}
	return got, nil
}

// open opens a writer with the same key as containerd's own fetch: of two pulls, one waits for the other instead of asking again, but
// not for ever.
func (d *documents) open(ctx context.Context, desc ocispec.Descriptor) (content.Writer, error) {
	began := time.Now()
	return artifact.Open(ctx, d.store, func(string) bool {
		d.wait()
		return time.Since(began) >= sharedFor
	}, content.WithRef(remotes.MakeRefKey(ctx, desc)), content.WithDescriptor(desc))
}

// complete commits a document that is here but for this namespace: another has it, or a pull ended just before it did this.
// What else is as long is left by a pull of wrong bytes, and read again.
func (r *document) complete(ctx context.Context) (bool, error) {
	status, err := r.writer.Status()
	if err != nil || r.desc.Size == 0 || status.Offset != r.desc.Size || r.writer.Digest() != r.desc.Digest {
		return false, err
	}
	if err := r.writer.Commit(ctx, r.desc.Size, r.desc.Digest); err != nil && !errdefs.IsAlreadyExists(err) {
		return false, err
	}
	return true, nil
}

// stream downloads a large document into the store. If its bytes are wrong, or it is over the limit, they are in memory instead, so that the
// walk sees it and says what is wrong with it; that is no honest registry's, and such wait for one another alone.
func (r *document) stream(ctx context.Context, limit uint64) error {
	over := uint64(r.desc.Size) > limit
	if !over {
		if right, err := r.from.spool(ctx, r.desc); right || err != nil {
			return err
		}
	}
	r.from.wait()
	mistrusted, err := wrongDocuments.Take(ctx)
	if err != nil {
		return err
	}
	r.turn, r.fresh = mistrusted, true
	if over {
		// How many there are is all that the walk asks of so many bytes, and nobody is to wait for them.
		r.bytes = make([]byte, r.most)
		return nil
	}
	again, cancel := context.WithTimeout(ctx, wrongFor)
	defer cancel()
	if r.bytes, err = r.from.fetch(again, r.desc, r.most); err != nil && again.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("the registry sent other bytes than the descriptor of %s names, and not again within %s to say what is wrong with them: %w",
			r.desc.Digest, wrongFor, errdefs.ErrDataLoss)
	}
	return err
}

// wrongFor is how long a document that came with wrong bytes may take to come again: the next waits until its turn is over.
const wrongFor = 10 * time.Second

// spool writes what the registry sends to the store, and tells whether it was right. What was wrong does not stay.
func (d *documents) spool(ctx context.Context, desc ocispec.Descriptor) (right bool, err error) {
	writer, err := artifact.OpenAlone(ctx, d.store, desc)
	if errdefs.IsAlreadyExists(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer writer.Close()
	status, err := writer.Status()
	if err != nil {
		return false, err
	}
	if status.Offset == 0 {
		body, err := d.body(ctx, desc)
		if err != nil {
			return false, err
		}
		defer body.Close()
		verifier := desc.Digest.Verifier()
		written, err := io.CopyBuffer(io.MultiWriter(writer, verifier), io.LimitReader(body, desc.Size+1), make([]byte, streamBytes))
		if err != nil {
			return false, err
		}
		if written != desc.Size || !verifier.Verified() {
			return false, nil
		}
	}
	if err := writer.Commit(ctx, desc.Size, desc.Digest); err != nil && !errdefs.IsAlreadyExists(err) {
		return false, fmt.Errorf("%s: %w", desc.Digest, err)
	}
	return true, nil
}

// body asks the registry. containerd's fetcher fails when a body goes on past the size that it was told. It is told one more, so that
// the walk sees the bytes and says what is wrong with them. External URLs are not part of it: only the registry is asked.
func (d *documents) body(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	d.wait()
	return d.fetcher.Fetch(ctx, ocispec.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size + 1})
}

func (d *documents) fetch(ctx context.Context, desc ocispec.Descriptor, most int64) ([]byte, error) {
	body, err := d.body(ctx, desc)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(io.LimitReader(body, most))
}

// load has the document's bytes in memory.
func (r *document) load(ctx context.Context) error {
	if r.fresh || r.bytes != nil {
		return nil
	}
	reader, err := r.from.store.ReaderAt(ctx, r.desc)
	if err != nil {
		return err
	}
	defer reader.Close()
	raw := make([]byte, min(reader.Size(), r.most))
	if _, err := io.ReadFull(io.NewSectionReader(reader, 0, int64(len(raw))), raw); err != nil {
		return err
	}
	r.bytes = raw
	return nil
}

// isLarge tells whether it takes a turn to load the document.
func (r *document) isLarge() bool { return !r.fresh && r.desc.Size > smallDocument }

// keep puts an accepted document into the store, and lets go of its bytes. If its size or digest are wrong the walk has seen that too
// and goes on without the document. So does keep, and tells: what the store's own check refuses would stay as an ingest, in the way
// of the next pull.
func (r *document) keep(ctx context.Context) (kept bool, err error) {
	defer r.discard(ctx)
	if !r.fresh {
		return true, nil
	}
	if r.isWrong() {
		return false, nil
	}
	if r.writer == nil {
		return true, artifact.Put(ctx, r.from.store, r.bytes, r.desc)
	}
	return true, artifact.Write(ctx, r.writer, r.bytes, r.desc)
}

// checked remembers whether a walk accepted the bytes, which then are not hashed again to be kept.
func (r *document) checked(isRight bool) { r.isChecked, r.isRight = true, isRight }

// isWrong tells whether it came from the registry, and its bytes are not those that its descriptor names.
func (r *document) isWrong() bool {
	if r.isChecked {
		return !r.isRight
	}
	return r.fresh && (int64(len(r.bytes)) != r.desc.Size || native.VerifyDigest(r.desc.Digest.String(), r.bytes) != nil)
}

// discard lets go of the document. With none it does nothing.
func (r *document) discard(ctx context.Context) {
	if r == nil {
		return
	}
	r.close(ctx)
	r.bytes = nil
	if r.turn != nil {
		r.turn.Done()
		r.turn = nil
	}
}

// close lets go of the writer. An empty ingest may stay; the garbage collector takes it with the lease. Aborting it here could take
// it from another pull that has opened it by now.
func (r *document) close(ctx context.Context) {
	if r.writer == nil {
		return
	}
	if err := r.writer.Close(); err != nil {
		log.G(ctx).WithError(err).Debug("could not close the writer of a document")
	}
	r.writer = nil
}
