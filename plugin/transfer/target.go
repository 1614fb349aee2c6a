// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/images/usage"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/policy"
)

// target decides what the image record points at. containerd selects again, whenever it runs, lists, exports or checks an
// image, from whatever that is; and it does so as it always did.
func (s *selection) target(ctx context.Context, store content.Store, fetched []digest.Digest) (ocispec.Descriptor, error) {
	if s.isSeveral() {
		return s.root, s.holdAgainst(ctx, store)
	}
	selected := s.result.Selections[0]
	manifest := selected.Target()
	switch s.policy.ImageTarget {
	case policy.TargetManifest:
		return manifest, nil
	case policy.TargetIndex:
		if !s.keepsIndex(ctx) {
			// CRI selects again as soon as the record is there, and where it finds nothing the pull has failed.
			if err := s.usable(ctx, store, selected); err != nil {
				s.warnOfOther(ctx, err, selected, s.platforms[0], "the image record points at the manifest, because CRI cannot use this index")
				return manifest, nil
			}
			return s.root, nil
		}
		return s.root, s.holdAgainst(ctx, store)
	}
	if len(selected.Path) > 1 {
		// containerd runs an image of a nested index, but cannot export it ("unable to create manifests file").
		return manifest, nil
	}
	whole, err := s.whole(ctx, store, fetched)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if whole && s.usable(ctx, store, selected) == nil {
		return s.root, nil
	}
	return manifest, nil
}

// keepsIndex tells whether the index becomes the target whatever it holds: no one manifest can represent several images, or the operator
// wants it so.
func (s *selection) keepsIndex(ctx context.Context) bool {
	return s.isSeveral() || s.policy.ImageTarget == policy.TargetIndex && !isCRI(ctx)
}

// unjudged is what a pull ends with whose record would have to point at an index from which containerd runs something else than what was
// judged.
func (s *selection) unjudged(why error) error {
	if s.isSeveral() {
		return fmt.Errorf("%w; pull one platform at a time, or put the image before what is attached to it", why)
	}
	return fmt.Errorf("%w; set image_target to auto or manifest, or put the image before what is attached to it", why)
}

// usable tells why the index must not be the target of the one platform that was pulled; nil if it may be.
func (s *selection) usable(ctx context.Context, store content.Store, selected native.Selection) error {
	if s.again != nil {
		return s.again
	}
	return s.selectedAgain(ctx, store, selected, s.platforms[0])
}

// selectedAgain tells why containerd would not find the selected manifest in the index, or could not say how large it is;
// nil if it does both.
func (s *selection) selectedAgain(ctx context.Context, store content.Store, selected native.Selection, platform ocispec.Platform) error {
	_, err := InTurn(ctx, s.largestIndex(), func() (any, error) { return nil, s.selectsAgain(ctx, store, selected, platform) })
	return err
}

// largestIndex is the one that is longest of those that were read: who goes through them in Go may come to it.
func (s *selection) largestIndex() ocispec.Descriptor {
	largest := s.root
	for _, document := range s.result.Documents {
		if document.Kind == native.KindIndex && document.Size > largest.Size {
			largest = document.Descriptor()
		}
	}
	return largest
}

func (s *selection) selectsAgain(ctx context.Context, store content.Store, selected native.Selection, platform ocispec.Platform) error {
	matcher := platforms.Only(platform)
	found, err := images.Manifest(ctx, store, s.root, matcher)
	if err != nil {
		return err
	}
	want, err := manifestOf(ctx, store, selected)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(found, want) {
		return &otherManifest{found}
	}
	_, err = usage.CalculateImageUsage(ctx, images.Image{Target: s.root}, store, usage.WithManifestLimit(matcher, 1), usage.WithManifestUsage())
	return err
}

// manifestOf reads a selected image's manifest as containerd does.
func manifestOf(ctx context.Context, store content.Store, selected native.Selection) (ocispec.Manifest, error) {
	var manifest ocispec.Manifest
	raw, err := content.ReadBlob(ctx, store, selected.Manifest)
	if err != nil {
		return manifest, err
	}
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return manifest, fmt.Errorf("manifest %s: %w", selected.Manifest.Digest, err)
	}
	return manifest, nil
}

// otherManifest is the error where containerd finds another manifest than the selected one.
type otherManifest struct{ ocispec.Manifest }

func (o *otherManifest) Error() string {
	return fmt.Sprintf("containerd finds another manifest, with config %s", o.Config.Digest)
}

// isJudged tells whether that was selected as well, so that it was judged.
func (s *selection) isJudged(ctx context.Context, store content.Store, other *otherManifest) bool {
	return slices.ContainsFunc(s.result.Selections, func(selected native.Selection) bool {
		manifest, err := manifestOf(ctx, store, selected)
		return err == nil && reflect.DeepEqual(manifest, other.Manifest)
	})
}

// holdAgainst warns of platforms for which containerd will not run what was pulled, where the index has to stay. What the index declares
// was held against what was judged before (selection.again); should containerd come to something else in spite of that, it is an error.
func (s *selection) holdAgainst(ctx context.Context, store content.Store) error {
	for _, selected := range s.result.Selections {
		platform := selected.Manifest.Platform
		if selected.Requested >= 0 && selected.Requested < len(s.platforms) {
			platform = &s.platforms[selected.Requested]
		}
		if platform == nil {
			continue
		}
		if err := s.selectedAgain(ctx, store, selected, *platform); err != nil {
			if other := new(otherManifest); s.policy.Judges() && errors.As(err, &other) && !s.isJudged(ctx, store, other) {
				return s.unjudged(fmt.Errorf("index %s: asked for %s: %w: %w", s.root.Digest, platforms.FormatAll(*platform), other, errdefs.ErrPermissionDenied))
			}
			s.warnOfOther(ctx, err, selected, *platform,
				"containerd will not run the selected image from this index: pull one platform with image_target = \"auto\" or \"manifest\"")
		}
	}
	return nil
}

func (s *selection) warnOfOther(ctx context.Context, err error, selected native.Selection, platform ocispec.Platform, message string) {
	log.G(ctx).WithError(err).WithFields(log.Fields{
		"index": s.root.Digest, "platform": platforms.FormatAll(platform), "selected": selected.Manifest.Digest,
	}).Warn(message)
}
