// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/log"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/policy"
)

// outcome is what becomes of a selection: what the image record points at, and what it keeps.
type outcome struct {
	target  ocispec.Descriptor
	root    digest.Digest // for the record's label; empty if the target says it all
	fetched []digest.Digest
}

// settle fetches what the policy wants and decides on the image's target.
func (s *selection) settle(ctx context.Context, store content.Store, fetcher remotes.Fetcher) (outcome, error) {
	whole, fetched, err := s.fetchWanted(ctx, store, fetcher)
	if err != nil {
		return outcome{}, err
	}
	target, err := s.target(ctx, store, whole)
	if err != nil {
		return outcome{}, err
	}
	settled := outcome{target: target, fetched: fetched}
	if target.Digest != s.root.Digest || s.result.References > 0 {
		settled.root = s.root.Digest
	}
	return settled, nil
}

// report says in one line what was selected, and at debug level what was not and why.
func (s *selection) report(ctx context.Context, image string, settled outcome) {
	fields := log.Fields{"image": image, "index": s.root.Digest, "target": "index"}
	if settled.target.Digest != s.root.Digest {
		fields["target"] = "manifest"
	}
	selected := make([]string, 0, len(s.result.Selections))
	for _, one := range s.result.Selections {
		text := one.Manifest.Digest.String()
		if one.Manifest.Platform != nil {
			text = platforms.FormatAll(*one.Manifest.Platform) + " " + text
		}
		selected = append(selected, text)
	}
	fields["selected"] = selected
	if s.policy.References != policy.ReferencesNone {
		fields["references"] = s.result.References
	}
	if s.policy.References == policy.ReferencesFetch {
		fields["fetched"] = len(settled.fetched)
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
}
