// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package imagelabels keeps what refract needs to know later on containerd's image records, as labels that containerd's garbage
// collector follows. They are never put on content: a manifest's content is shared by all images that hold that manifest.
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
	// prefix makes containerd's garbage collector keep what a label's value names, as long as the image lives.
	prefix = "containerd.io/gc.ref.content.refract."
	// IndexLabel names the root index that an image was pulled from, also where the image's target is a manifest.
	IndexLabel = prefix + "index"
	// foundLabel names the record of what a pull found attached outside of the index.
	foundLabel = prefix + "found"
	// notSearchedLabel says in words what a pull did not look for, and why. It names no content.
	notSearchedLabel = "refract.io/not-searched"
)

// mostNotSearched is how many bytes of that are kept: containerd allows 4096 for a label with its name.
const mostNotSearched = 2048

// Kept is what an image record keeps for refract.
type Kept struct {
	// Root is the index of the pull, or a manifest that no index leads to; empty if nothing is kept.
	Root digest.Digest
	// Optional: the root need not be kept for its own sake, but with whatever is fetched or found.
	Optional bool
	// Fetched is attached content.
	Fetched []digest.Digest
	// Found is the record of what was found attached outside of the index; empty if nothing was.
	Found digest.Digest
	// Partial: Found may lack something, so that what an earlier pull of the same root found takes precedence.
	Partial bool
	// NotSearched says what of that was not looked for, and why; empty if all was that the policy wants.
	NotSearched string
}

// Root is what an image record was pulled from, if its labels name it.
func Root(labels map[string]string) (digest.Digest, bool) {
	root, err := digest.Parse(labels[IndexLabel])
	return root, err == nil
}

// Found is the record of what was found attached outside of the index, if labels name one.
func Found(labels map[string]string) (digest.Digest, bool) {
	found, err := digest.Parse(labels[foundLabel])
	return found, err == nil
}

// NotSearched is what the pull did not look for outside of the index, and why, in words; empty if nothing is known to be missing.
func NotSearched(labels map[string]string) string { return labels[notSearchedLabel] }

// Fetched are the digests of attached content that an image record keeps, in the order in which they were added.
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

// distinct leaves the first of equal digests.
func distinct(all []digest.Digest) []digest.Digest {
	seen := make(map[digest.Digest]bool, len(all))
	return slices.DeleteFunc(all, func(d digest.Digest) bool {
		before := seen[d]
		seen[d] = true
		return before
	})
}

// With gives a copy of labels that name what is kept, and nothing else of refract's.
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

// shown is what of a text fits into a label that ctr prints as it is. A registry may have chosen some of its words.
func shown(text string) string {
	text = strings.ToValidUTF8(text[:min(len(text), mostNotSearched)], "")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
}

// Merge adds to what an image record has. What was fetched before stays while the root is the same, and what was found until a whole
// search tells anew: pulling again must not lose it. It goes when the root changed, because it belonged to another image.
func Merge(labels, before map[string]string, kept Kept) map[string]string {
	if old, ok := Root(before); ok && old == kept.Root {
		kept.Fetched = distinct(append(Fetched(before), kept.Fetched...))
		if found, ok := Found(before); ok && (kept.Found == "" || kept.Partial) {
			kept.Found = found
		}
	}
	return With(labels, kept)
}

// numberOf reads the number of a label for fetched content.
func numberOf(label string) (int, bool) {
	text, ok := strings.CutPrefix(label, prefix)
	if !ok {
		return 0, false
	}
	number, err := strconv.Atoi(text)
	return number, err == nil && number >= 0
}
