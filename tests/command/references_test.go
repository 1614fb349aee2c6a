// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"encoding/json"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

// TestReferencesOfAnImageIsItsTree: without a command, with options before and behind, and as JSON.
func TestReferencesOfAnImageIsItsTree(t *testing.T) {
	shape, _ := shapes.EverySource()
	for _, from := range everywhere(t, shape) {
		p := newPlace(t)
		for _, options := range [][]string{nil, {"--no-trunc"}, {"--output", "json"}, {"--source", "index"}, {"--deadline", "30"}, {"--direct", "--platform", platformOf(shape)}} {
			want := p.prints(append([]string{"references", "tree", from.image}, options...)...)
			for _, calls := range [][]string{
				append([]string{"references", from.image}, options...),
				append(append([]string{"refs"}, options...), from.image),
				append(append([]string{"references"}, options...), "tree", from.image),
			} {
				if got := p.prints(calls...); got != want {
					t.Errorf("%s: %q prints\n%s, want\n%s", from.name, calls, got, want)
				}
			}
		}
	}
}

// TestWhereNothingIsAttachedItIsSaidWhereWasLooked: nothing in the index is not nothing at all.
func TestWhereNothingIsAttachedItIsSaidWhereWasLooked(t *testing.T) {
	p := newPlace(t)
	for _, name := range []string{"multi-platform", "single-manifest"} {
		for _, from := range everywhere(t, shapes.ByName(name)) {
			for source, place := range map[string]string{"": "the referrers API", "digest-tag": "digest tags", "cosign-tag": "cosign's tags", "referrers-tag": "the referrers tag"} {
				var options []string
				if source != "" {
					options = []string{"--source", source}
				}
				if got := p.prints(append([]string{"inspect", from.image}, options...)...); !strings.Contains(got, "Nothing is attached (looked at: ") || !strings.Contains(got, place) {
					t.Errorf("%s from a %s, --source %s: inspect prints %s", name, from.name, source, got)
				}
				p.fails(3, []string{"nothing is attached", place, "references ls"}, append([]string{"references", "get", from.image}, options...)...)
			}
			got := p.prints("inspect", "--source", "index", from.image)
			if hasIndex := strings.Contains(got, "looked at: its index)"); hasIndex != (name == "multi-platform") {
				t.Errorf("%s from a %s: inspect prints %s", name, from.name, got)
			}
		}
	}
}

// TestAPlatformWithoutAnArchitectureIsNoImages: as buildx imagetools create writes an artifact's entry. No client takes it.
func TestAPlatformWithoutAnArchitectureIsNoImages(t *testing.T) {
	shape := shapes.ByName("multi-platform")
	artifact := node.Artifact(t, shape, "application/spdx+json", text("", "an SBOM"))
	artifact.Platform = &ocispec.Platform{OS: "linux"}
	shape = node.Attach(t, shape, artifact)
	for _, from := range everywhere(t, shape) {
		p := newPlace(t)
		var got struct {
			Entries []struct{ Digest, Role string }
		}
		if err := json.Unmarshal([]byte(p.prints("inspect", "--output", "json", from.image)), &got); err != nil {
			t.Fatal(err)
		}
		last := got.Entries[len(got.Entries)-1]
		if last.Digest != artifact.Digest.String() || (last.Role != "other" && last.Role != "artifact") {
			t.Errorf("%s: %+v", from.name, last)
		}
	}
}
