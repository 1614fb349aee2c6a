// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package imagelabels stores refract's state about an image in labels on containerd's image record, which containerd's garbage
// collector follows. The labels are never put on content: a manifest's content is shared by all images that have that manifest.
package imagelabels

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/opencontainers/go-digest"
)

const (
	// prefix makes containerd's garbage collector keep the content that a label's value names, as long as the image exists.
	prefix = "containerd.io/gc.ref.content.refract."
	// IndexLabel names the root index that an image was pulled from, even if the image's target is a manifest.
	IndexLabel = prefix + "index"
	// foundLabel names the index of references that a pull found outside the image's index.
	foundLabel = prefix + "found"
	// notSearchedLabel says in words what a pull did not look for, and why. It names no content.
	notSearchedLabel = "refract.io/not-searched"
)

// mostNotSearched is how many bytes of that text are kept: containerd allows 4096 for a label including its name.
const mostNotSearched = 2048

// Kept is what an image record keeps for refract.
type Kept struct {
	// Root is the index of the pull, or a manifest without an index; empty if nothing is kept.
	Root digest.Digest
	// Optional: the root need only be kept if fetched or found content is.
	Optional bool
	// Fetched are the digests of fetched references.
	Fetched []digest.Digest
	// Found is the index of references found outside the image's index; empty if none were found.
	Found digest.Digest
	// Partial: Found may be incomplete, so an earlier pull's Found is kept if the root is the same.
	Partial bool
	// NotSearched says which searches of the policy were not made, and why; empty if all were.
	NotSearched string
}

// Root is the root that an image record was pulled from, if its labels name it.
func Root(labels map[string]string) (digest.Digest, bool) {
	root, err := digest.Parse(labels[IndexLabel])
	return root, err == nil
}

// Found is the index of references found outside the image's index, if the labels name one.
func Found(labels map[string]string) (digest.Digest, bool) {
	found, err := digest.Parse(labels[foundLabel])
	return found, err == nil
}

// NotSearched says what the pull did not look for outside the index, and why; empty if nothing is known to be missing.
func NotSearched(labels map[string]string) string { return labels[notSearchedLabel] }

// Fetched are the digests of the fetched references that an image record keeps, in the order in which they were added.
func Fetched(labels map[string]string) []digest.Digest {
	var numbers []int
	for label := range labels {
		if number, ok := numberOf(label); ok {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	fetched := make([]digest.Digest, 0, len(numbers))
	for _, number := range numbers {
		if d, err := digest.Parse(labels[prefix+strconv.Itoa(number)]); err == nil {
			fetched = append(fetched, d)
		}
	}
	return distinct(fetched)
}

// distinct keeps the first of equal digests.
func distinct(all []digest.Digest) []digest.Digest {
	seen := make(map[digest.Digest]bool, len(all))
	return slices.DeleteFunc(all, func(d digest.Digest) bool {
		before := seen[d]
		seen[d] = true
		return before
	})
}

// With returns a copy of labels that names what is kept, in place of all other labels of refract's.
func With(labels map[string]string, kept Kept) map[string]string {
	named := make(map[string]string, len(labels)+len(kept.Fetched)+2)
	maps.Copy(named, labels)
	maps.DeleteFunc(named, func(label, _ string) bool { return strings.HasPrefix(label, prefix) || label == notSearchedLabel })
	if kept.NotSearched != "" {
		named[notSearchedLabel] = shown(kept.NotSearched)
	}
	if kept.Root == "" || kept.Optional && len(kept.Fetched) == 0 && kept.Found == "" {
		return named
	}
	named[IndexLabel] = kept.Root.String()
	if kept.Found != "" {
		named[foundLabel] = kept.Found.String()
	}
	for number, d := range kept.Fetched {
		named[prefix+strconv.Itoa(number)] = d.String()
	}
	return named
}

// shown shortens a text to fit into a label, and drops what is not printable: ctr prints labels as they are, and some of the
// words may come from a registry.
func shown(text string) string {
	text = strings.ToValidUTF8(text[:min(len(text), mostNotSearched)], "")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
}

// Merge keeps what an image record already has if the root is the same: the fetched references, and the found ones until a
// complete search replaces them. Pulling again must not lose them. If the root has changed, they belonged to another image and
// are dropped.
func Merge(labels, before map[string]string, kept Kept) map[string]string {
	if old, ok := Root(before); ok && old == kept.Root {
		kept.Fetched = distinct(append(Fetched(before), kept.Fetched...))
		if found, ok := Found(before); ok && (kept.Found == "" || kept.Partial) {
			kept.Found = found
		}
	}
	return With(labels, kept)
}

// numberOf returns the number of a label for fetched content.
func numberOf(label string) (int, bool) {
	text, ok := strings.CutPrefix(label, prefix)
	if !ok {
		return 0, false
	}
	number, err := strconv.Atoi(text)
	return number, err == nil && number >= 0
}
