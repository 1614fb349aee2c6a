// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// keptLabel begins the labels by which a document keeps what it names.
const keptLabel = "containerd.io/gc.ref.content"

// labelling is a store in which an index is labelled with what the pull took of it, and not with each of its entries: labels are
// written one by one while all other clients of the store wait. They keep the numbers that containerd gives them among all entries,
// so that none takes the place of another pull's.
type labelling struct {
	content.Store
	// keeps tells what of an index's entries is to be kept; nil: it is not known, and all of them are.
	keeps func(index digest.Digest, entries []ocispec.Descriptor) map[digest.Digest]bool
}

// Update leaves out labels for entries that are not to be kept, where containerd's handlers write them.
func (l labelling) Update(ctx context.Context, info content.Info, fields ...string) (content.Info, error) {
	capture, ok := ctx.Value(capturedKey{}).(*captured)
	if !ok {
		return l.Store.Update(ctx, info, fields...)
	}
	keeps := l.keeps(info.Digest, capture.entries)
	if keeps == nil {
		return l.Store.Update(ctx, info, fields...)
	}
	fields = slices.DeleteFunc(slices.Clone(fields), func(field string) bool {
		label := strings.TrimPrefix(field, "labels.")
		drop := strings.HasPrefix(label, keptLabel) && !keeps[digest.Digest(info.Labels[label])]
		if drop {
			delete(info.Labels, label)
		}
		return drop
	})
	if len(fields) == 0 {
		// Without fields, all labels would be replaced.
		return info, nil
	}
	return l.Store.Update(ctx, info, fields...)
}

// keeps are the entries of an index that this pull follows or has read: what a listing is made from stays as long as the index. Also
// are others kept. It is nil for an index that was not decided on.
func (s *selection) keeps(index digest.Digest, entries []ocispec.Descriptor, also ...digest.Digest) map[digest.Digest]bool {
	followed, decided := s.indexes[index]
	if !decided {
		return nil
	}
	kept := map[digest.Digest]bool{}
	for _, position := range followed.positions {
		if int(position) < len(entries) {
			kept[entries[position].Digest] = true
		}
	}
	for _, document := range s.result.Documents {
		kept[document.Digest] = true
	}
	for _, d := range also {
		kept[d] = true
	}
	return kept
}
