// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/log"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/imagelabels"
	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/policy"
)

// outcome is what becomes of a selection: what the image record points at, and what it keeps.
type outcome struct {
	target ocispec.Descriptor
	kept   imagelabels.Kept
	// completed is what is here of the index besides what was selected and what is kept.
	completed []digest.Digest
}

// settle fetches what the policy and the index want and decides on the image's target.
func (s *selection) settle(ctx context.Context, store content.Store) (outcome, error) {
	kept, err := s.keep(ctx, store)
	if err != nil {
		return outcome{}, err
	}
	completed, err := s.complete(ctx, store, kept.Fetched)
	if err != nil {
		return outcome{}, err
	}
	target, err := s.target(ctx, store, kept.Fetched)
	if err != nil {
		return outcome{}, err
	}
	kept.Optional = target.Digest == s.root.Digest && s.result.References == 0
	return outcome{target: target, kept: kept, completed: completed}, nil
}

// keepIndexes has the garbage collector keep what was read of indexes that containerd does not go through itself, as it keeps
// what is in those that it does: by labels on each index that name its entries. Where the root is not dispatched either, that is
// all of them. What was completed of the images is kept like that, too.
func (s *selection) keepIndexes(ctx context.Context, store content.Store, dispatched bool, completed []digest.Digest) error {
	labelled := labelling{store, func(index digest.Digest, entries []ocispec.Descriptor) map[digest.Digest]bool {
		return s.keeps(index, entries, completed...)
	}}
	label := images.SetChildrenMappedLabels(labelled, func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		entries, err := InTurn(ctx, desc, func() ([]ocispec.Descriptor, error) { return images.Children(ctx, store, desc) })
		if capture, ok := ctx.Value(capturedKey{}).(*captured); ok {
			capture.entries = entries
		}
		return plain(entries), err
	}, nil)
	for _, document := range s.result.Documents {
		followed := len(s.indexes[document.Digest].positions) > 0
		if document.Kind != native.KindIndex || dispatched && followed && len(completed) == 0 {
			continue
		}
		if _, err := label(context.WithValue(ctx, capturedKey{}, &captured{}), document.Descriptor()); err != nil {
			return fmt.Errorf("index %s: %w", document.Digest, err)
		}
	}
	return nil
}

// report says in one line what was selected and how long ago the root was resolved, and at debug level what was not selected and why.
func (s *selection) report(ctx context.Context, image string, settled outcome) {
	fields := log.Fields{"image": image, "index": s.root.Digest, "target": "index"}
	if settled.target.Digest != s.root.Digest {
		fields["target"] = "manifest"
	}
	// In the same order, and always text: whatever reads the log as JSON can count on that.
	var selected, platform []string
	for _, one := range s.result.Selections {
		selected = append(selected, one.Manifest.Digest.String())
		name := "unknown"
		if one.Manifest.Platform != nil {
			name = platforms.FormatAll(*one.Manifest.Platform)
		}
		platform = append(platform, name)
	}
	fields["selected"], fields["platform"] = strings.Join(selected, ","), strings.Join(platform, ",")
	fields["duration"] = time.Since(s.began).Round(time.Microsecond).String()
	if s.policy.References != policy.ReferencesNone {
		fields["references"] = s.result.References
	}
	if s.policy.References == policy.ReferencesFetch {
		fields["fetched"] = len(settled.kept.Fetched)
	}
	if s.result.UnreadIndexes > 0 {
		fields["unread"] = s.result.UnreadIndexes
	}
	log.G(ctx).WithFields(fields).Info("image selected from index")
	for _, note := range s.notes {
		log.G(ctx).WithFields(log.Fields{
			"index":    s.result.Documents[note.Place.Document].Digest,
			"position": note.Place.Position,
			"entry":    note.Digest,
			"reason":   note.Reason,
		}).Debug("entry of index skipped")
	}
	if more := s.skipped - len(s.notes); more > 0 {
		log.G(ctx).WithFields(log.Fields{"index": s.root.Digest, "more": more}).Debug("further entries of index skipped")
	}
}
