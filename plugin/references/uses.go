// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package references

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/artifact"
	"github.com/refract-oci/refract/plugin/imagelabels"
	"github.com/refract-oci/refract/plugin/native"
)

// Role is what content is in an image.
type Role int

// The roles.
const (
	RoleTarget    Role = iota + 1 // what the image's record points at
	RoleIndex                     // the index that the image was pulled from, or one nested in it
	RoleImage                     // an image in that index
	RoleReference                 // something that is attached
	RoleBlob                      // what an image or a reference consists of, as far as the store has its manifest
	RoleSubject                   // not in the index, but something in it is about it
)

func (r Role) String() string {
	switch r {
	case RoleTarget:
		return "target"
	case RoleIndex:
		return "index"
	case RoleImage:
		return "image"
	case RoleReference:
		return "reference"
	case RoleBlob:
		return "blob"
	case RoleSubject:
		return "subject"
	default:
		return "unknown"
	}
}

// Use is what a digest is in an image.
type Use struct {
	Image  string
	Role   Role
	Digest digest.Digest
	// Type is a reference's; it is left out where it is longer than 64 KiB.
	Type string
	// Subject is what a reference is about.
	Subject digest.Digest
	// Path are the indexes that lead there in the image's tree, the root first; of a blob, behind them the manifest that names it.
	Path []digest.Digest
}

// Failure is an image that could not be read whole: what else is in it is not known.
type Failure struct {
	Image string
	Err   error
}

// Uses are the result of a look-up, in the order of the images' names.
type Uses struct {
	Found    []Use
	Failures []Failure
}

// longestType is the longest type that a use tells.
const longestType = 64 << 10

// Uses finds the images that something belongs to: what is named by a digest, or by the beginning of one. Image records that
// share their target, their index and what was found elsewhere are read once.
func (s Stores) Uses(ctx context.Context, name string) (*Uses, error) {
	if name == "" {
		return nil, fmt.Errorf("the digest is empty: %w", errdefs.ErrInvalidArgument)
	}
	all, err := s.Images.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("images: %w", err)
	}
	slices.SortFunc(all, func(a, b images.Image) int { return cmp.Compare(a.Name, b.Name) })
	type content struct {
		root, found, target digest.Digest
		mediaType           string
		size                int64
		repository          string // in which other clients left something
	}
	known := map[content]*lookup{}
	s = s.ForMany()
	found := &Uses{}
	for _, image := range all {
		root, _ := imagelabels.Root(image.Labels)
		elsewhere, _ := imagelabels.Found(image.Labels)
		left, err := s.leftBeside(ctx, image.Name)
		if err != nil {
			return nil, err
		}
		of := content{root, elsewhere, image.Target.Digest, image.Target.MediaType, image.Target.Size, left.repository}
		one, ok := known[of]
		if !ok {
			one = &lookup{stores: s, name: name, read: map[digest.Digest]bool{}}
			one.look(ctx, image)
			known[of] = one
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, use := range one.found {
			use.Image = image.Name
			found.Found = append(found.Found, use)
		}
		if one.err != nil {
			found.Failures = append(found.Failures, Failure{Image: image.Name, Err: one.err})
		}
	}
	return found, nil
}

// lookup looks for what is named in one image.
type lookup struct {
	stores Stores
	name   string
	found  []Use
	read   map[digest.Digest]bool
	// err is the first reason why something could not be read.
	err error
}

func (l *lookup) look(ctx context.Context, image images.Image) {
	l.add(Use{Role: RoleTarget, Digest: image.Target.Digest})
	listing, err := l.stores.Of(ctx, image)
	if err != nil {
		// The record itself says which index it is from.
		if root, ok := imagelabels.Root(image.Labels); ok {
			l.add(Use{Role: RoleIndex, Digest: root})
		}
		l.err = err
		return
	}
	if listing.Root.Digest == "" {
		l.blobs(ctx, listing.Target, nil)
		return
	}
	l.tree(ctx, listing)
}

// tree looks at each line. Each document is reported once, where the tree shows it first; a reference once for each subject.
func (l *lookup) tree(ctx context.Context, listing *Listing) {
	var (
		indexes  []digest.Digest // that lead to the line
		depths   []int           // of these
		shown    = map[int]bool{}
		subjects []Use
	)
	listed := map[digest.Digest]bool{}
	for _, node := range listing.Tree {
		for len(depths) > 0 && depths[len(depths)-1] >= node.Depth {
			depths, indexes = depths[:len(depths)-1], indexes[:len(indexes)-1]
		}
		of := node.Descriptor
		path := slices.Clone(indexes)
		repeated := node.Flags&native.NodeRepeated != 0
		switch {
		case node.Reference >= 0 && node.Reference < len(listing.References):
			if !shown[node.Reference] {
				shown[node.Reference] = true
				l.reference(ctx, listing.References[node.Reference], path)
			}
		case node.Kind == native.NodeIndex:
			if !repeated {
				l.add(Use{Role: RoleIndex, Digest: of.Digest, Path: path})
			}
			depths, indexes = append(depths, node.Depth), append(indexes, of.Digest)
		case node.Kind == native.NodeSubject:
			subjects = append(subjects, Use{Role: RoleSubject, Digest: of.Digest, Path: path})
		case !repeated:
			l.add(Use{Role: RoleImage, Digest: of.Digest, Path: path})
			l.blobs(ctx, of, path)
		}
		if node.Kind != native.NodeSubject {
			listed[of.Digest] = true
		}
	}
	for _, subject := range subjects {
		// In a cycle, the index lists it.
		if !listed[subject.Digest] {
			l.add(subject)
		}
	}
}

func (l *lookup) reference(ctx context.Context, reference Reference, path []digest.Digest) {
	use := Use{Role: RoleReference, Digest: reference.Descriptor.Digest, Subject: reference.Subject, Path: path}
	if len(reference.Type) <= longestType {
		use.Type = reference.Type
	}
	l.add(use)
	l.blobs(ctx, reference.Descriptor, path)
}

// blobs looks at what a manifest or an index names, as far as the store has it, and at no more than one artifact may consist of.
func (l *lookup) blobs(ctx context.Context, of ocispec.Descriptor, path []digest.Digest) {
	left := int(native.DefaultLimits().ReferenceBlobs)
	var visit func(of ocispec.Descriptor, path []digest.Digest)
	visit = func(of ocispec.Descriptor, path []digest.Digest) {
		kind := native.MediaTypeKind(of.MediaType)
		if left--; left < 0 || l.read[of.Digest] || kind != native.KindManifest && kind != native.KindIndex || of.Digest.Validate() != nil {
			return
		}
		l.read[of.Digest] = true
		children, err := l.children(ctx, of)
		if err != nil {
			if l.err == nil {
				l.err = err
			}
			return
		}
		below := append(slices.Clone(path), of.Digest)
		told := map[digest.Digest]bool{}
		for _, child := range children {
			if !told[child.Digest] {
				told[child.Digest] = true
				l.add(Use{Role: RoleBlob, Digest: child.Digest, Path: below})
			}
			visit(child, below)
		}
	}
	visit(of, path)
}

// children are what a document names; none if the store does not have it.
func (l *lookup) children(ctx context.Context, of ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	raw, err := read(ctx, l.stores.Content, of, native.DefaultLimits().DocumentBytes)
	if errdefs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("manifest %s: %w", of.Digest, err)
	}
	return artifact.Children(of, raw)
}

// add tells of a use if it is what is looked for.
func (l *lookup) add(use Use) {
	if whole, begins := named(use.Digest, l.name); whole || begins {
		l.found = append(l.found, use)
	}
}
