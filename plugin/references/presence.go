// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package references

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/refract-oci/refract/plugin/artifact"
	"github.com/refract-oci/refract/plugin/native"
)

// concurrentLooks hides the daemon's answer time: an index of 4 MiB lists ten thousand references.
const concurrentLooks = 8

// rememberedPieces is of how many pieces of content it is remembered that they were looked for. What comes after that is looked for again.
const rememberedPieces = 64 << 10

// look sees which references the store has. The same content is looked for once, however many references tell of it or consist of it.
func (l *Listing) look(ctx context.Context, here *presence) error {
	tellOf := map[native.DescriptorKey][]*Reference{}
	for i := range l.References {
		reference := &l.References[i]
		of := native.KeyOf(reference.Descriptor)
		tellOf[of] = append(tellOf[of], reference)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(concurrentLooks)
	for _, references := range tellOf {
		group.Go(func() error {
			answer, err := here.whole(ctx, references[0].Descriptor)
			for _, reference := range references {
				reference.Present = answer
			}
			return err
		})
	}
	return group.Wait()
}

// presence is what is known of the content of a store, as long as a listing is made.
type presence struct {
	store content.InfoReaderProvider

	mu     sync.Mutex
	pieces map[native.DescriptorKey]*piece
}

func newPresence(store content.InfoReaderProvider) *presence {
	return &presence{store: store, pieces: map[native.DescriptorKey]*piece{}}
}

// piece is one document or blob.
type piece struct {
	of native.DescriptorKey

	mu       sync.Mutex
	isKnown  bool
	answer   native.Answer // of it alone
	children []*piece

	// isWhole tells that everything that it leads to was seen to be here.
	isWhole atomic.Bool
}

// piece finds what is known of a piece.
func (p *presence) piece(of native.DescriptorKey) *piece {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.pieces[of]; ok {
		return known
	}
	made := &piece{of: of}
	if len(p.pieces) < rememberedPieces {
		p.pieces[of] = made
	}
	return made
}

// whole tells whether the store has a reference with everything that it consists of. What is kept in an annotation came with its index.
func (p *presence) whole(ctx context.Context, desc ocispec.Descriptor) (native.Answer, error) {
	if desc.Digest == "" {
		return native.Yes, nil
	}
	search := search{presence: p, seen: map[digest.Digest]bool{}}
	answer, err := search.present(ctx, p.piece(native.KeyOf(desc)))
	if answer == native.Yes && err == nil {
		// What any of it consists of is a part of that.
		for _, one := range search.documents {
			one.isWhole.Store(true)
		}
	}
	return answer, err
}

// search looks for one reference and what it consists of, each piece once.
type search struct {
	*presence
	seen      map[digest.Digest]bool
	documents []*piece
}

func (s *search) present(ctx context.Context, of *piece) (native.Answer, error) {
	if s.seen[of.of.Digest] || of.isWhole.Load() && len(s.seen) == 0 {
		return native.Yes, nil
	}
	s.seen[of.of.Digest] = true
	// No more is looked at than a fetch takes: what is larger than that cannot be here whole.
	if len(s.seen) > int(native.DefaultLimits().ReferenceBlobs) {
		return native.No, nil
	}
	answer, children, err := of.look(ctx, s.presence)
	if answer != native.Yes || err != nil {
		return answer, err
	}
	if len(children) > 0 {
		s.documents = append(s.documents, of)
	}
	for _, child := range children {
		if answer, err := s.present(ctx, child); answer != native.Yes || err != nil {
			return answer, err
		}
	}
	return native.Yes, nil
}

// look looks at one piece alone, once, and at what it names.
func (p *piece) look(ctx context.Context, in *presence) (native.Answer, []*piece, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.isKnown {
		answer, children, err := in.lookAt(ctx, p.of)
		if err != nil {
			return answer, nil, err
		}
		p.isKnown, p.answer, p.children = true, answer, children
	}
	return p.answer, p.children, nil
}

// lookAt asks the store. What has a digest of an algorithm that containerd does not know, it cannot have.
func (p *presence) lookAt(ctx context.Context, of native.DescriptorKey) (native.Answer, []*piece, error) {
	if of.Digest.Validate() != nil {
		return native.No, nil, nil
	}
	info, err := p.store.Info(ctx, of.Digest)
	if errdefs.IsNotFound(err) {
		return native.No, nil, nil
	}
	if err != nil {
		return native.Unknown, nil, fmt.Errorf("reference %s: %w", of.Digest, err)
	}
	if info.Size != of.Size {
		return native.Unknown, nil, nil
	}
	if kind := native.MediaTypeKind(of.MediaType); kind != native.KindManifest && kind != native.KindIndex {
		return native.Yes, nil, nil
	}
	desc := ocispec.Descriptor{MediaType: of.MediaType, Digest: of.Digest, Size: of.Size}
	raw, err := read(ctx, p.store, desc, native.DefaultLimits().DocumentBytes)
	if errdefs.IsNotFound(err) {
		// Collected just now.
		return native.No, nil, nil
	}
	if err != nil {
		return native.Unknown, nil, fmt.Errorf("manifest %s: %w", desc.Digest, err)
	}
	named, err := artifact.Children(desc, raw)
	if _, unreadable := native.StatusOf(err); unreadable {
		return native.Unknown, nil, nil
	}
	if err != nil {
		return native.Unknown, nil, err
	}
	var children []*piece
	told := map[digest.Digest]bool{"": true}
	for _, child := range named {
		if told[child.Digest] {
			continue
		}
		told[child.Digest] = true
		children = append(children, p.piece(native.KeyOf(child)))
		if len(children) > int(native.DefaultLimits().ReferenceBlobs) {
			// These are too many already.
			break
		}
	}
	return native.Yes, children, nil
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
