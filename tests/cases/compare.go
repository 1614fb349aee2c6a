// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"fmt"
	"path"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/tests/shapes"
)

// Replay runs the case and returns what is not as it expects, a line each.
func (c Case) Replay() ([]string, error) {
	came, err := c.run()
	if err != nil {
		return nil, fmt.Errorf("case %s: %w", c.Name, err)
	}
	var differences []string
	differ := func(what string, got, want any) {
		differences = append(differences, fmt.Sprintf("%s: got %v, want %v", what, got, want))
	}
	expect := c.Expect
	if came.status != expect.Status {
		differ("status", came.status, expect.Status)
	}
	for _, word := range expect.ErrorContains {
		if !strings.Contains(came.message, word) {
			differ("error", fmt.Sprintf("%q", came.message), fmt.Sprintf("one with %q", word))
		}
	}
	if strings.ContainsFunc(came.message, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		differ("error", fmt.Sprintf("%q", came.message), "no control characters")
	}
	if expect.Needs != nil && !slices.Equal(came.needs, expect.Needs) {
		differ("needs", came.needs, expect.Needs)
	}
	if came.status != "ok" {
		return differences, nil
	}
	selections := selectionsOf(came.result)
	if expect.Selections != nil && !slices.EqualFunc(selections, expect.Selections, sameSelection) {
		differ("selections", selections, expect.Selections)
	}
	if children := placesOf(came.result, came.result.Children); expect.Children != nil && !slices.Equal(children, expect.Children) {
		differ("children", children, expect.Children)
	}
	if left := placesOf(came.result, came.result.LeftOut); expect.LeftOut != nil && !slices.Equal(left, expect.LeftOut) {
		differ("left out", left, expect.LeftOut)
	}
	if expect.UnreadIndexes != nil && came.result.UnreadIndexes != *expect.UnreadIndexes {
		differ("unread indexes", came.result.UnreadIndexes, *expect.UnreadIndexes)
	}
	if expect.ReferencesCount != nil && came.result.References != *expect.ReferencesCount {
		differ("number of references", came.result.References, *expect.ReferencesCount)
	}
	if got := len(came.references.List); got != came.result.References {
		differ("references listed", got, fmt.Sprintf("the %d that the result names", came.result.References))
	}
	if expect.References == nil {
		return differences, nil
	}
	if got, want := len(came.references.List), len(expect.References); got != want {
		differ("number of references", got, want)
		return differences, nil
	}
	for i, want := range expect.References {
		compareReference(came.references.List[i], want, func(what string, got, want any) {
			differ(fmt.Sprintf("reference %d: %s", i, what), got, want)
		})
	}
	return differences, nil
}

func compareReference(got native.Reference, want shapes.Reference, differ func(what string, got, want any)) {
	texts := []struct{ what, got, want string }{
		{"digest", got.Descriptor.Digest.String(), want.Digest.String()},
		{"subject", got.Subject.String(), want.Subject.String()},
		{"malformed", got.Malformed, want.Malformed},
		{"type", got.Type, want.Type},
		{"description", got.Description, want.Description},
		{"weak", got.Weak.String(), want.Weak},
		{"annotation", got.Annotation, want.Annotation},
	}
	for _, text := range texts {
		if text.want != "" && text.got != text.want {
			differ(text.what, text.got, text.want)
		}
	}
	if want.Sources != nil && !slices.Equal(got.Sources.Names(), want.Sources) {
		differ("sources", got.Sources.Names(), want.Sources)
	}
	if want.OtherTypes != nil && !slices.Equal(got.OtherTypes, want.OtherTypes) {
		differ("other types", got.OtherTypes, want.OtherTypes)
	}
	if got.Wanted != want.Wanted {
		differ("wanted", got.Wanted, want.Wanted)
	}
}

func sameSelection(got, want shapes.Selection) bool {
	return got.Digest == want.Digest && got.Config == want.Config && got.Platform == want.Platform && slices.Equal(got.Path, want.Path)
}

func selectionsOf(result *native.Result) []shapes.Selection {
	var selections []shapes.Selection
	for _, one := range result.Selections {
		selections = append(selections, shapes.Selection{
			Digest: one.Manifest.Digest, Config: one.Config, Platform: nameOf(one.Manifest.Platform), Path: placesOf(result, one.Path),
		})
	}
	return selections
}

func placesOf(result *native.Result, places []native.Place) []shapes.Place {
	var named []shapes.Place
	for _, place := range places {
		named = append(named, shapes.Place{Document: result.Documents[place.Document].Digest, Position: place.Position})
	}
	return named
}

func nameOf(platform *ocispec.Platform) string {
	if platform == nil {
		return ""
	}
	return path.Join(platform.OS, platform.Architecture, platform.Variant)
}
