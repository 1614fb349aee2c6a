// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package references

import (
	"strings"

	"github.com/opencontainers/go-digest"
)

// Query narrows what is looked for. Its zero value is everything.
type Query struct {
	// Name is a digest, the beginning of one with or without its algorithm, or the key of an inline annotation.
	Name string
	// Type is a kind (sbom, signature, …) or, if it names none, exactly one of a reference's types.
	Type string
}

// Find returns the references that a query means, in the order of the listing. One that is named in full wins over those whose
// names only begin so.
func (l *Listing) Find(query Query) []Reference {
	var whole, begin []Reference
	for _, reference := range l.References {
		if query.Type != "" && !reference.IsOf(query.Type) {
			continue
		}
		isWhole, begins := named(reference.Descriptor.Digest, query.Name)
		switch {
		case query.Name == "", isWhole, query.Name == reference.Annotation:
			whole = append(whole, reference)
		case begins:
			begin = append(begin, reference)
		}
	}
	if len(whole) > 0 {
		return whole
	}
	return begin
}

// named tells whether a name is a digest, or the beginning of one with or without its algorithm.
func named(d digest.Digest, name string) (whole, begins bool) {
	if d == "" {
		return false, false
	}
	text := d.String()
	_, hex, _ := strings.Cut(text, ":")
	return text == name, strings.HasPrefix(text, name) || strings.HasPrefix(hex, name)
}

// Distinct leaves one of the references that share content: an artifact may be about several subjects.
func Distinct(references []Reference) []Reference {
	seen := map[digest.Digest]bool{}
	var distinct []Reference
	for _, reference := range references {
		d := reference.Descriptor.Digest
		if d == "" || !seen[d] {
			distinct = append(distinct, reference)
		}
		seen[d] = true
	}
	return distinct
}
