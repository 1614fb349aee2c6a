// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package references

import (
	"context"
	"fmt"

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

// look sees which references the store has. The same content is looked for once, however many references tell of it.
func (l *Listing) look(ctx context.Context, store content.InfoReaderProvider) error {
	type content struct {
		digest    digest.Digest
		mediaType string
		size      int64
	}
	tellOf := map[content][]*Reference{}
	for i := range l.References {
		reference := &l.References[i]
		desc := reference.Descriptor
		of := content{desc.Digest, desc.MediaType, desc.Size}
		tellOf[of] = append(tellOf[of], reference)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(concurrentLooks)
	for _, references := range tellOf {
		group.Go(func() error {
			search := search{store: store, seen: map[digest.Digest]bool{}}
			answer, err := search.present(ctx, references[0].Descriptor)
			for _, reference := range references {
				reference.Present = answer
			}
			return err
		})
	}
	return group.Wait()
}

// search looks for one reference and what it consists of, each piece once.
type search struct {
	store content.InfoReaderProvider
	seen  map[digest.Digest]bool
}

// present tells whether the store has a reference whole. What is kept in an annotation came with its index.
func (s *search) present(ctx context.Context, desc ocispec.Descriptor) (native.Answer, error) {
	if desc.Digest == "" || s.seen[desc.Digest] {
		return native.Yes, nil
	}
	s.seen[desc.Digest] = true
	// No more is looked at than a fetch takes: what is larger than that cannot be here whole. What has a digest of an algorithm
	// that containerd does not know, it cannot have.
	if len(s.seen) > int(native.DefaultLimits().ReferenceBlobs) || desc.Digest.Validate() != nil {
		return native.No, nil
	}
	info, err := s.store.Info(ctx, desc.Digest)
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
	raw, err := read(ctx, s.store, desc, native.DefaultLimits().DocumentBytes)
	if errdefs.IsNotFound(err) {
		// Collected just now.
		return native.No, nil
	}
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
		if answer, err := s.present(ctx, child); answer != native.Yes || err != nil {
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
