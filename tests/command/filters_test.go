// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

type reference struct {
	Digest     digest.Digest `json:"digest"`
	Type       string        `json:"type"`
	Subject    digest.Digest `json:"subject"`
	Annotation string        `json:"annotation"`
	Sources    []string      `json:"sources"`
	Weak       string        `json:"weak"`
	Present    string        `json:"present"`
	Tag        string        `json:"tag"`
}

// name tells references apart.
func (r reference) name() string {
	if r.Annotation != "" {
		return r.Annotation
	}
	return r.Digest.String()
}

func (p *place) listed(arguments ...string) []reference {
	p.t.Helper()
	var listing struct{ References []reference }
	if err := json.Unmarshal([]byte(p.prints(append([]string{"references", "ls", "--output", "json"}, arguments...)...)), &listing); err != nil {
		p.t.Fatal(err)
	}
	return listing.References
}

func names(references []reference) []string {
	var all []string
	for _, one := range references {
		all = append(all, one.name())
	}
	slices.Sort(all)
	return all
}

func wanted(references []shapes.Reference, keep func(shapes.Reference) bool) []string {
	var all []string
	for _, one := range references {
		if keep(one) {
			all = append(all, reference{Digest: one.Digest, Annotation: one.Annotation}.name())
		}
	}
	slices.Sort(all)
	return all
}

// TestEachReferenceIsListedOnce: with all its sources, from a registry as from a layout.
func TestEachReferenceIsListedOnce(t *testing.T) {
	shape, references := shapes.EverySource()
	for _, from := range everywhere(t, shape) {
		got := newPlace(t).listed(from.image)
		if len(got) != len(references) {
			t.Errorf("%s: %d references, want %d", from.name, len(got), len(references))
		}
		for _, want := range references {
			name := reference{Digest: want.Digest, Annotation: want.Annotation}.name()
			at := slices.IndexFunc(got, func(one reference) bool { return one.name() == name })
			if at < 0 {
				t.Errorf("%s: no %s of %v", from.name, name, want.Sources)
				continue
			}
			slices.Sort(got[at].Sources)
			sources := slices.Sorted(slices.Values(want.Sources))
			if !slices.Equal(got[at].Sources, sources) || got[at].Subject != want.Subject || got[at].Weak != want.Weak {
				t.Errorf("%s: %s is %+v, want %+v", from.name, name, got[at], want)
			}
		}
	}
}

// TestFilters: each leaves what it says.
func TestFilters(t *testing.T) {
	shape, references := shapes.EverySource()
	digests := map[digest.Digest]bool{}
	for _, one := range references {
		digests[one.Digest] = true
	}
	has := func(source string) func(shapes.Reference) bool {
		return func(one shapes.Reference) bool { return slices.Contains(one.Sources, source) }
	}
	direct := func(one shapes.Reference) bool { return !digests[one.Subject] }
	for _, from := range everywhere(t, shape) {
		p := newPlace(t)
		for _, c := range []struct {
			arguments []string
			keep      func(shapes.Reference) bool
		}{
			{nil, func(shapes.Reference) bool { return true }},
			{[]string{"--source", "index"}, has("index")},
			{[]string{"--source", "annotation"}, has("annotation")},
			{[]string{"--source", "buildkit"}, has("buildkit")},
			{[]string{"--source", "soci"}, has("soci")},
			{[]string{"--source", "digest-tag"}, has("digest-tag")},
			{[]string{"--source", "referrers-tag"}, has("referrers-tag")},
			{[]string{"--source", "cosign-tag"}, has("cosign-tag")},
			{[]string{"--source", "soci,buildkit"}, func(one shapes.Reference) bool { return has("soci")(one) || has("buildkit")(one) }},
			{[]string{"--source", "soci", "--source", "cosign-tag"}, func(one shapes.Reference) bool { return has("soci")(one) || has("cosign-tag")(one) }},
			{[]string{"--direct"}, direct},
			{[]string{"--type", "scan"}, func(one shapes.Reference) bool { return one.Type == "scan" }},
			{[]string{"--artifact-type", "application/vnd.example.vex+json"}, func(one shapes.Reference) bool { return one.Type == "application/vnd.example.vex+json" }},
			{[]string{"--type", "SBOM"}, func(shapes.Reference) bool { return false }},
			{[]string{"--annotation", "org.opencontainers.reference.type=licence"}, func(one shapes.Reference) bool { return one.Type == "licence" }},
			{[]string{"--annotation", "org.opencontainers.reference.type=licence", "--type", "sbom"}, func(shapes.Reference) bool { return false }},
			{[]string{"--annotation", "org.opencontainers.image.created=2025-01-02T03:04:05Z"}, func(one shapes.Reference) bool {
				return has("referrers-api")(one) && strings.HasPrefix(one.Type, "application/vnd.example.")
			}},
			{[]string{"--platform", platformOf(shape)}, func(shapes.Reference) bool { return true }},
			{[]string{"--scan-tags"}, func(shapes.Reference) bool { return true }},
		} {
			got := names(p.listed(append(c.arguments, from.image)...))
			if want := wanted(references, c.keep); !slices.Equal(got, want) {
				t.Errorf("%s %q: %d references\n%s\nwant %d\n%s", from.name, c.arguments, len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
			}
		}
	}
}

// TestPlatformLeavesWhatIsAboutItsImage: and about the indexes around it.
func TestPlatformLeavesWhatIsAboutItsImage(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	var foreign digest.Digest
	for image := range shape.Configs {
		if image != shape.Selected {
			foreign = image
		}
	}
	here, there, around := node.Artifact(t, shape, "a/here"), node.Artifact(t, shape, "a/there"), node.Artifact(t, shape, "a/around")
	around.Annotations = map[string]string{"org.opencontainers.reference.type": "around"}
	shape = node.Attach(t, shape, node.About(here, shape.Selected, "here"), node.About(there, foreign, "there"), around)
	for _, from := range everywhere(t, shape) {
		p := newPlace(t)
		got := names(p.listed("--platform", platformOf(shape), from.image))
		if slices.Contains(got, there.Digest.String()) || !slices.Contains(got, here.Digest.String()) || !slices.Contains(got, around.Digest.String()) {
			t.Errorf("%s: %q, want %s and %s without %s", from.name, got, here.Digest, around.Digest, there.Digest)
		}
		tree := p.prints("references", "tree", "--no-trunc", "--platform", platformOf(shape), from.image)
		if strings.Contains(tree, there.Digest.String()) || !strings.Contains(tree, here.Digest.String()) {
			t.Errorf("%s: %s", from.name, tree)
		}
	}
}

// TestCheckAsksWhetherArtifactsAreThere: and without it nothing is claimed.
func TestCheckAsksWhetherArtifactsAreThere(t *testing.T) {
	shape := shapes.ByName("missing-marked-artifact")
	for _, from := range everywhere(t, shape) {
		p := newPlace(t)
		for _, checked := range []bool{false, true} {
			arguments := []string{from.image}
			if checked {
				arguments = append(arguments, "--check")
			}
			for _, one := range p.listed(arguments...) {
				want := "unknown"
				if checked {
					want = map[bool]string{true: "no", false: "yes"}[shape.Absent[one.Digest]]
				}
				if one.Present != want {
					t.Errorf("%s: checked %v: %s is present: %s, want %s", from.name, checked, one.Digest, one.Present, want)
				}
			}
		}
		if tree := p.prints("references", "tree", "--check", from.image); strings.Count(tree, "[missing]") != len(shape.Absent) {
			t.Errorf("%s: %s", from.name, tree)
		}
	}
}

// TestScanTagsFindsWhatNoNameLeadsTo: an index under any tag that is about this image.
func TestScanTagsFindsWhatNoNameLeadsTo(t *testing.T) {
	shape := shapes.ByName("multi-platform")
	artifact := node.Artifact(t, shape, "application/x", text("", "elsewhere"))
	other := node.Attach(t, shape, node.About(artifact, shape.Selected, "elsewhere"))
	shape.DigestTags = map[string]digest.Digest{"other": other.Root.Digest}
	for _, from := range everywhere(t, shape) {
		p := newPlace(t)
		if got := p.listed(from.image); len(got) != 0 {
			t.Errorf("%s: %v", from.name, got)
		}
		got := p.listed("--scan-tags", from.image)
		if len(got) != 1 || got[0].Digest != artifact.Digest || got[0].Tag != "other" {
			t.Errorf("%s: %+v", from.name, got)
		}
	}
}
