// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/discover"
	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/policy"
)

// selection is what a pull takes from an extended index: C++'s decision, and what Go needs to carry it out.
type selection struct {
	attached
	platforms []ocispec.Platform // the requested ones; none: all
	result    *native.Result
	notes     []native.Note // the first ones; nil unless the log is at debug level
	skipped   int           // how many there are
	indexes   map[digest.Digest]followed
	read      entries
	again     error // why the index must not be the target: containerd would come to something else from it than what was judged
	began     time.Time
	selecting time.Duration // in C++
	resolving time.Duration // with what it waited for
}

// shownNotes is how many entries that were skipped the log tells of: more than anybody has tried to make sense of.
const shownNotes = 500

// followed are the entries of one index that a pull follows.
type followed struct {
	positions []uint32
	// digests that are known of them: those of documents that were read, and of selected manifests.
	digests map[uint32]digest.Digest
}

// choose walks through the index, fetching what the walk asks for into the store.
func choose(ctx context.Context, store content.Store, from discover.Origin, root ocispec.Descriptor, options native.RequestOptions, p policy.Policy) (chosen *selection, err error) {
	began := time.Now()
	ctx, span := startSelect(ctx, root)
	defer func() { endSelect(span, chosen, err) }()
	request, err := native.NewRequest(wanting(options, p))
	if err != nil {
		return nil, err
	}
	defer request.Close()
	walking := &walking{request: request, from: &documents{store: store, fetcher: from.Fetcher}, root: root}
	defer walking.close(ctx)
	chosen = &selection{platforms: options.Platforms, began: began}
	deadline, _ := p.LookupLimits()
	for {
		if err := walking.run(ctx); err != nil {
			return nil, err
		}
		chosen.attached, err = findAttached(ctx, request, func(search *native.Search) (*native.Round, error) {
			return search.Begin(walking.walk.Walk)
		}, walking.search, from, root, p)
		if !errors.Is(err, errLetGo) {
			break
		}
		if err := walking.again(ctx, deadline); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	walk := walking.walk
	if chosen.result, err = walk.Result(); err != nil {
		return nil, err
	}
	if len(chosen.record) > 0 {
		chosen.result.References = chosen.listed
	}
	if p.Judges() {
		if chosen.again = walk.CheckAgain(platforms.DefaultSpec()); chosen.again != nil && chosen.keepsIndex(ctx) {
			return nil, chosen.unjudged(chosen.again)
		}
	}
	if log.G(ctx).Logger.IsLevelEnabled(log.DebugLevel) {
		notes, err := walk.Notes()
		if err != nil {
			return nil, err
		}
		chosen.skipped = len(notes)
		for _, note := range notes[:min(len(notes), shownNotes)] {
			// Not a part of all of them, which would stay for as long as layers are downloaded.
			note.Digest, note.Reason = digest.Digest(strings.Clone(string(note.Digest))), strings.Clone(note.Reason)
			chosen.notes = append(chosen.notes, note)
		}
	}
	chosen.indexes = chosen.followed()
	chosen.selecting, chosen.resolving = walking.took+walk.took, time.Since(began)
	return chosen, nil
}

// followed orders what a pull follows by index, as containerd's handlers ask for it.
func (s *selection) followed() map[digest.Digest]followed {
	known := map[native.Place]digest.Digest{}
	for _, document := range s.result.Documents {
		if document.Kind != native.KindConfig {
			known[document.Place] = document.Digest
		}
	}
	for _, selected := range s.result.Selections {
		if len(selected.Path) > 0 {
			known[selected.Path[len(selected.Path)-1]] = selected.Manifest.Digest
		}
	}
	indexes := map[digest.Digest]followed{}
	for _, document := range s.result.Documents {
		if document.Kind == native.KindIndex {
			indexes[document.Digest] = followed{digests: map[uint32]digest.Digest{}}
		}
	}
	for _, child := range s.result.Children {
		index := indexes[s.result.Documents[child.Document].Digest]
		index.positions = append(index.positions, child.Position)
		if d, ok := known[child]; ok {
			index.digests[child.Position] = d
		}
		indexes[s.result.Documents[child.Document].Digest] = index
	}
	return indexes
}

// others are the followed entries that were not read: images of other platforms, of which only manifest and config are wanted.
func (f followed) others(picked []ocispec.Descriptor) []digest.Digest {
	var others []digest.Digest
	for i, position := range f.positions {
		if _, read := f.digests[position]; !read {
			others = append(others, picked[i].Digest)
		}
	}
	return others
}

// pick takes the followed entries out of all entries of an index. The entries were read by containerd and the positions by
// refract: they must speak of the same things.
func (f followed) pick(index digest.Digest, entries []ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	picked := make([]ocispec.Descriptor, 0, len(f.positions))
	for _, position := range f.positions {
		if int(position) >= len(entries) {
			return nil, fmt.Errorf("index %s has %d entries, number %d was selected: %w", index, len(entries), position, errdefs.ErrInternal)
		}
		entry := entries[position]
		if want, ok := f.digests[position]; ok && want != entry.Digest {
			return nil, fmt.Errorf("index %s: entry %d is %s to containerd and %s to refract: %w", index, position, entry.Digest, want, errdefs.ErrInternal)
		}
		picked = append(picked, entry)
	}
	return picked, nil
}
