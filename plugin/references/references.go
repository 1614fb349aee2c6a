// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package references answers what is attached to an image in a containerd store: it lists SBOMs, signatures and whatever else
// an extended index holds, gets their content, and fetches what is not on the node yet. Listing and getting ask no registry, but for [Stores.Discover].
//
// What is a reference, what it is about, and how the tree of them looks is decided by the C++ core, which is fed the documents
// that the store has. This package only adds what it sees in the store.
package references

import (
	"context"
	"errors"
	"fmt"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/imagelabels"
	"github.com/refract-oci/refract/plugin/native"
)

// Listing is everything that is attached to an image.
type Listing struct {
	Image  string
	Target ocispec.Descriptor
	// Root is the index that the image was pulled from, or the image itself if none led to it and something was found attached to it
	// elsewhere; its digest is empty if nothing is known to be attached.
	Root       ocispec.Descriptor
	References []Reference
	// Tree is in the order in which a person would print it, the root first; a node's Reference is a number in References.
	Tree []native.Node
	// UnreadIndexes are nested indexes that the store does not have: what they hold is not known.
	UnreadIndexes int
	// Notices are what a person should know besides: what was not looked for, and why. Each is one line.
	Notices []string
	// Discovered tells that the image's repository was searched for this listing.
	Discovered bool
	found      []byte // what the search found, to be kept with what is fetched
}

// Alone tells whether no index led to the image, and something was found attached to it all the same.
func (l *Listing) Alone() bool {
	return l.Root.Digest != "" && native.MediaTypeKind(l.Root.MediaType) != native.KindIndex
}

// Reference is something attached, and whether the store has it.
type Reference struct {
	native.Reference
	// Present is yes where the store has it with all its blobs, no where anything is missing, and unknown where what the store
	// has under its digest cannot be read as what its descriptor says.
	Present native.Answer
}

// List tells what is attached to an image. The index is the one that the pull recorded, else the image's target. Of an image
// that was pulled as a single manifest the listing has no root, unless something is known to be attached to it.
//
// What other clients left in the store is listed, too, but for what was pulled as an image of its own: [Stores.List] knows that.
func List(ctx context.Context, store content.InfoReaderProvider, image images.Image) (*Listing, error) {
	return Stores{Content: store}.Of(ctx, image)
}

// Of is [List] for an image of the stores.
func (s Stores) Of(ctx context.Context, image images.Image) (*Listing, error) {
	return s.list(ctx, image, &elsewhere{})
}

func (s Stores) list(ctx context.Context, image images.Image, beside *elsewhere) (*Listing, error) {
	store := s.Content
	listing := &Listing{Image: image.Name, Target: image.Target}
	if beside.ask == nil {
		// What is asked now takes the place of what was not asked then.
		listing.Notices = noticesOf(image)
	}
	root, err := rootOf(ctx, store, image)
	if err != nil {
		return listing, err
	}
	if beside.ask == nil {
		if beside.record, err = recordOf(ctx, store, image); err != nil {
			return nil, err
		}
	}
	if beside.left, err = s.leftBeside(ctx, image.Name); err != nil {
		return nil, err
	}
	var found *index
	if root.Digest != "" {
		found, err = readIndex(ctx, store, root, image.Target, beside)
	} else {
		found, err = readAlone(ctx, image.Target, beside)
		if err == nil && len(found.references.List) == 0 && beside.ask == nil {
			return listing, nil
		}
		root = image.Target
	}
	listing.Root = root
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", image.Name, err)
	}
	listing.Root.MediaType = found.mediaType
	listing.Tree = found.references.Tree
	listing.UnreadIndexes = found.unread
	listing.Notices = append(append(listing.Notices, beside.notices...), found.references.Notices...)
	listing.References = make([]Reference, len(found.references.List))
	for i, reference := range found.references.List {
		reference.Wanted = false // it was marked for the search alone
		listing.References[i].Reference = reference
	}
	here := s.presence
	if here == nil {
		here = newPresence(store)
	}
	return listing, listing.look(ctx, here)
}

// rootOf finds the index that an image was pulled from. The recorded one is known by its digest alone, so its size is the
// store's and its media type is read later.
func rootOf(ctx context.Context, store content.InfoProvider, image images.Image) (ocispec.Descriptor, error) {
	root := image.Target
	if recorded, ok := imagelabels.Root(image.Labels); ok && recorded != root.Digest {
		root = ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: recorded}
	} else if native.MediaTypeKind(root.MediaType) != native.KindIndex {
		return ocispec.Descriptor{}, nil
	}
	info, err := store.Info(ctx, root.Digest)
	if errdefs.IsNotFound(err) {
		return ocispec.Descriptor{}, fmt.Errorf("image %q: its index %s is not in the content store, pull the image again: %w",
			image.Name, root.Digest, errdefs.ErrNotFound)
	}
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("image %q: index %s: %w", image.Name, root.Digest, err)
	}
	root.Size = info.Size
	return root, nil
}

// ErrSeveral is why nothing was chosen: more than one reference matches.
var ErrSeveral = errors.New("several references match")
