// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package references_test

import (
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/references"
)

func made(name digest.Digest, annotation, referenceType, artifactType string) references.Reference {
	return references.Reference{Reference: native.Reference{
		Descriptor: native.Descriptor{Digest: name}, ArtifactType: artifactType, Annotation: annotation, Type: referenceType,
	}}
}

func TestFind(t *testing.T) {
	// The last is the first one of another algorithm.
	const aa, ab, other = "sha256:aa00", "sha256:ab00", "sha512:aa00"
	listing := &references.Listing{References: []references.Reference{
		made(aa, "", "sbom", "application/spdx+json"), made(ab, "", "sbom", ""), made(other, "", "application/spdx+json", ""),
		made("", "dev.sigstore.cosign/bundle.1", "signature", ""), made("", "dev.sigstore.cosign/bundle.12", "signature", ""),
		made(aa, "", "copy", ""), made("sha256:aa0012", "", "longer", ""),
	}}
	for i := range 2 {
		listing.References[i].Kinds = native.KindNamed("sbom")
	}
	listing.References[1].OtherTypes = []string{"application/vnd.example", "scan"}
	cases := []struct {
		name  string
		query references.Query
		want  []int
	}{
		{"everything", references.Query{}, []int{0, 1, 2, 3, 4, 5, 6}},
		{"a whole digest, and not the longer one that begins so", references.Query{Name: aa}, []int{0, 5}},
		{"the beginning of one", references.Query{Name: "sha256:ab"}, []int{1}},
		{"without an algorithm, in any", references.Query{Name: "aa0"}, []int{0, 2, 5, 6}},
		{"an algorithm", references.Query{Name: "sha512"}, []int{2}},
		{"a whole annotation, and not the longer one", references.Query{Name: "dev.sigstore.cosign/bundle.1"}, []int{3}},
		{"the beginning of an annotation is none", references.Query{Name: "dev.sigstore.cosign/bundle"}, nil},
		{"the middle of a digest is none", references.Query{Name: "a00"}, nil},
		{"a kind", references.Query{Type: "sbom"}, []int{0, 1}},
		{"a reference type or an artifact type", references.Query{Type: "application/spdx+json"}, []int{0, 2}},
		{"what else it is called", references.Query{Type: "scan"}, []int{1}},
		{"the beginning of a type is none", references.Query{Type: "sb"}, nil},
		{"types by their case", references.Query{Type: "SBOM"}, nil},
		{"a type and a name", references.Query{Name: "aa", Type: "sbom"}, []int{0}},
		{"a name of another type", references.Query{Name: ab, Type: "copy"}, nil},
	}
	for _, c := range cases {
		var want []references.Reference
		for _, number := range c.want {
			want = append(want, listing.References[number])
		}
		got := listing.Find(c.query)
		same := func(a, b references.Reference) bool {
			return a.Descriptor.Digest == b.Descriptor.Digest && a.Type == b.Type && a.Annotation == b.Annotation
		}
		if !slices.EqualFunc(got, want, same) {
			t.Errorf("%s: found %v, want %v", c.name, got, c.want)
		}
	}
}

func TestDistinctLeavesOneOfEachContentAndEveryAnnotation(t *testing.T) {
	given := []references.Reference{
		made("sha256:aa", "", "first", ""), made("", "one", "", ""), made("sha256:aa", "", "second", ""), made("", "two", "", ""), made("sha256:bb", "", "", ""),
	}
	got := references.Distinct(given)
	if len(got) != 4 || got[0].Type != "first" || got[1].Annotation != "one" || got[2].Annotation != "two" || got[3].Descriptor.Digest != "sha256:bb" {
		t.Errorf("distinct: %v", got)
	}
}
