// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
)

// plan is the content of an artifact, each digest once. Its documents are read while the plan is made; everything else is
// downloaded once the plan is complete.
type plan struct {
	store    content.Store
	fetcher  remotes.Fetcher
	artifact digest.Digest
	maxBytes int64
	matcher  platforms.Matcher // of the entries of an index; nil: all
	budget   *Budget           // shared by all artifacts of the image; nil: none
	number   int               // of the artifact in the budget

	content   []digest.Digest
	documents []document // each before its children
	blobs     []ocispec.Descriptor
	seen      map[digest.Digest]bool

	bytes         int64
	documentBytes uint64
}

func (p *plan) add(ctx context.Context, desc ocispec.Descriptor) error {
	if p.seen[desc.Digest] {
		return nil
	}
	if err := p.fits(desc); err != nil {
		return err
	}
	p.seen[desc.Digest] = true
	p.content = append(p.content, desc.Digest)
	kind := native.MediaTypeKind(desc.MediaType)
	if kind != native.KindManifest && kind != native.KindIndex {
		p.blobs = append(p.blobs, plain(desc))
		return nil
	}
	raw, err := p.read(ctx, desc)
	if err != nil {
		return err
	}
	children, err := Children(desc, raw)
	if err != nil {
		return err
	}
	if p.matcher != nil {
		children = slices.DeleteFunc(children, func(child ocispec.Descriptor) bool {
			return child.Platform != nil && !p.matcher.Match(*child.Platform)
		})
	}
	for i := range children {
		children[i] = plain(children[i])
	}
	p.documents = append(p.documents, document{plain(desc), raw, children})
	for _, child := range children {
		if err := p.add(ctx, child); err != nil {
			return err
		}
	}
	return nil
}

// fits checks one more descriptor against the caps, before any of its content is downloaded.
func (p *plan) fits(desc ocispec.Descriptor) error {
	if err := desc.Digest.Validate(); err != nil {
		return fmt.Errorf("artifact %s: blob %q: %w: %w", p.artifact, desc.Digest.String(), err, errdefs.ErrInvalidArgument)
	}
	// Subtract instead of adding: sizes come from strangers, and their sum may overflow an int64.
	if desc.Size < 0 || desc.Size > math.MaxInt64-p.bytes {
		return fmt.Errorf("artifact %s: blob %s has the size %d: %w", p.artifact, desc.Digest, desc.Size, errdefs.ErrInvalidArgument)
	}
	p.bytes += desc.Size
	if p.maxBytes > 0 && p.bytes > p.maxBytes {
		return fmt.Errorf("%s takes at least %d bytes, max_bytes is %d: %w", p.artifact, p.bytes, p.maxBytes, ErrTooLarge)
	}
	if most := int(native.DefaultLimits().ReferenceBlobs); len(p.content) >= most {
		return fmt.Errorf("%s consists of more than %d blobs: %w", p.artifact, most, ErrTooLarge)
	}
	return nil
}

// read gets a document's bytes from the store or else from the registry, at most one more than its size. They are not verified
// yet. All documents of an artifact are in memory at once, so the limit for one document applies to their sum.
func (p *plan) read(ctx context.Context, desc ocispec.Descriptor) ([]byte, error) {
	p.documentBytes += uint64(desc.Size)
	if limit := native.DefaultLimits().DocumentBytes; p.documentBytes > limit {
		return nil, fmt.Errorf("manifest %s of %d bytes is over the limit of %d, or manifests before it in the same artifact are: %w",
			desc.Digest, desc.Size, limit, errdefs.ErrResourceExhausted)
	}
	held, err := p.store.ReaderAt(ctx, plain(desc))
	if err == nil {
		defer held.Close()
		return io.ReadAll(io.NewSectionReader(held, 0, min(held.Size(), desc.Size+1)))
	}
	if !errdefs.IsNotFound(err) {
		return nil, err
	}
	body, err := p.fetcher.Fetch(ctx, plain(desc))
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(io.LimitReader(body, desc.Size+1))
}

// Children returns the descriptors that a manifest or an index lists, read strictly: a manifest's config and layers, an index's
// entries.
func Children(of ocispec.Descriptor, raw []byte) ([]ocispec.Descriptor, error) {
	if native.MediaTypeKind(of.MediaType) == native.KindIndex {
		return entries(of, raw)
	}
	manifest, err := native.ReadManifest(of.Digest.String(), raw)
	if err != nil {
		return nil, err
	}
	if manifest.Config.Digest == "" {
		return manifest.Layers, nil
	}
	return append([]ocispec.Descriptor{manifest.Config}, manifest.Layers...), nil
}

// entries returns the entries of one index. Nested indexes are entries too, and are read in their turn.
func entries(of ocispec.Descriptor, raw []byte) ([]ocispec.Descriptor, error) {
	walk, err := native.NewWalkOf(native.RequestOptions{Mode: native.List})
	if err != nil {
		return nil, err
	}
	defer walk.Close()
	need, err := walk.Begin(of.MediaType, of.Digest.String(), of.Size, raw)
	for err == nil && need != nil {
		need, err = walk.Missing("not asked for here")
	}
	if err != nil {
		return nil, err
	}
	found, err := walk.References()
	if err != nil {
		return nil, err
	}
	var entries []ocispec.Descriptor
	for _, node := range found.Tree {
		if node.Depth > 0 && (node.Kind == native.NodeImage || node.Kind == native.NodeIndex) {
			entries = append(entries, node.Descriptor)
		}
	}
	for _, reference := range found.List {
		if reference.Descriptor.Digest != "" {
			entries = append(entries, reference.Descriptor)
		}
	}
	return entries, nil
}
