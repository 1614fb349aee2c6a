// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/refract-oci/refract/tests/shapes"
)

// sameJSON compares whole documents: a field more, less or renamed is a difference.
func sameJSON(t *testing.T, got, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatalf("%v: %s", err, want)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
	if !strings.HasSuffix(got, "}\n") {
		t.Errorf("it does not end with a line's end: %q", got[max(0, len(got)-5):])
	}
}

// filled puts values in the place of their names in braces, of which none must be left.
func filled(t *testing.T, text string, values map[string]string) string {
	t.Helper()
	text = os.Expand(text, func(name string) string {
		value, ok := values[name]
		if !ok {
			t.Fatalf("nothing is named %q", name)
		}
		return value
	})
	return text
}

const listingJSON = `
	"schemaVersion": 1,
	"image": "${image}",
	"target": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "${selected}", "size": ${selectedSize}},
	"index": {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": "${root}", "size": ${rootSize}},
	"unreadIndexes": 0, "notices": [],
	"references": [
		{"digest": "${0}", "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": ${size0}, "kinds": ["attestation"], "type": "attestation", "unread": true,
			"subject": "${1}", "sources": ["index"], "weak": "no", "present": "no"},
		{"digest": "${1}", "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": ${size1}, "kinds": ["signature"], "type": "signature",
			"description": "signs the SBOM", "subject": "${2}", "sources": ["index"], "weak": "no", "present": "yes"},
		{"digest": "${2}", "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": ${size2}, "kinds": ["sbom"], "type": "sbom",
			"subject": "${selected}", "sources": ["index"], "weak": "no", "present": "no"}
	]`

const treeJSON = `
	"tree": [
		{"kind": "index", "depth": 0, "digest": "${root}", "mediaType": "application/vnd.oci.image.index.v1+json", "size": ${rootSize}},
		{"kind": "image", "depth": 1, "digest": "${selected}", "mediaType": "application/vnd.oci.image.manifest.v1+json",
			"size": ${selectedSize}, "platform": {"os": "linux", "architecture": "amd64"}, "selected": true},
		{"kind": "reference", "depth": 2, "reference": 2, "digest": "${2}", "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": ${size2}},
		{"kind": "reference", "depth": 3, "reference": 1, "digest": "${1}", "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": ${size1}},
		{"kind": "reference", "depth": 4, "reference": 0, "digest": "${0}", "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": ${size0}}
	]`

// valuesOf are what a shape puts into a document.
func valuesOf(shape shapes.Shape, image string) map[string]string {
	size := func(of int) string { return sprint(of) }
	values := map[string]string{
		"image": image, "root": shape.Root.Digest.String(), "rootSize": sprint(shape.Root.Size),
		"selected": shape.Selected.String(), "selectedSize": size(len(shape.Blobs[shape.Selected])),
	}
	for i, d := range shape.References {
		values[sprint(i)], values["size"+sprint(i)] = d.String(), size(len(shape.Blobs[d]))
	}
	return values
}

func TestJSONOfAListAndOfATree(t *testing.T) {
	shape := shapes.ByName("references-to-references")
	p, name := pulled(t, shape)
	p.succeeds("fetch", name, shape.References[1].String())
	values := valuesOf(shape, name)
	sameJSON(t, p.succeeds("ls", "--output", "json", name), filled(t, "{"+listingJSON+"}", values))
	sameJSON(t, p.succeeds("tree", "--output", "json", name), filled(t, "{"+listingJSON+","+treeJSON+"}", values))
	// What is for people changes nothing for programs.
	if whole := p.succeeds("ls", "--no-trunc", "--output=json", name); whole != p.succeeds("ls", "--output", "json", name) {
		t.Errorf("--no-trunc changes JSON: %s", whole)
	}
}

func TestJSONOfWhatIsOutOfTheOrdinary(t *testing.T) {
	const bothTargets = `"schemaVersion": 1, "image": "${image}", "unreadIndexes": 0, "notices": [],
		"target": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "${selected}", "size": ${selectedSize}},
		"index": {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": "${root}", "size": ${rootSize}},`
	const manifest = `"mediaType": "application/vnd.oci.image.manifest.v1+json", `
	cases := []struct{ shape, arguments, want string }{
		{"malformed-reference-digest", "--type=sbom", `{` + bothTargets + `"references": [{"digest": "${0}", ` + manifest + `"size": ${size0}, "kinds": ["sbom"], "type": "sbom",
			"malformedSubject": "sha256:NOT-A-DIGEST", "sources": ["index"], "weak": "unknown", "present": "no"}]}`},
		{"unknown-digest-algorithm", "", `{` + bothTargets + `"references": [{"digest": "${0}", ` + manifest + `"size": ${size0}, "kinds": ["sbom"], "type": "sbom",
			"subject": "${selected}", "sources": ["index"], "weak": "no", "present": "no"}]}`},
		{"soci-v2", "", `{` + bothTargets + `"references": [{"digest": "${0}", ` + manifest + `"artifactType": "application/vnd.amazon.soci.index.v2+json",
			"size": ${size0}, "platform": {"os": "linux", "architecture": "amd64"}, "kinds": ["soci"], "type": "application/vnd.amazon.soci.index.v2+json",
			"subject": "${selected}", "sources": ["soci"], "weak": "no", "present": "no"}]}`},
		{"two-sources-one-reference", "", `{` + bothTargets + `"references": [{"digest": "${0}", ` + manifest + `"size": ${size0}, "kinds": ["sbom"], "type": "sbom",
			"subject": "${selected}", "sources": ["index", "buildkit"], "weak": "no", "present": "no"}]}`},
		{"inline-signatures", "--type=chain", `{"schemaVersion": 1, "image": "${image}", "unreadIndexes": 0, "notices": [],
			"target": {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": "${root}", "size": ${rootSize}},
			"index": {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": "${root}", "size": ${rootSize}},
			"references": [{"size": 42, "type": "chain", "subject": "${selected}", "annotation": "dev.sigstore.cosign/chain.8adf60e",
				"value": "bytes of dev.sigstore.cosign/chain.8adf60e", "sources": ["annotation"], "weak": "no", "present": "yes"}]}`},
		{"single-manifest", "", `{"schemaVersion": 1, "image": "${image}", "unreadIndexes": 0, "notices": [], "references": [], "index": null,
			"target": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "${root}", "size": ${rootSize}}}`},
		{"weak-references", "--type=nothing", `{` + bothTargets + `"references": []}`},
	}
	for _, c := range cases {
		t.Run(c.shape, func(t *testing.T) {
			shape := shapes.ByName(c.shape)
			p, name := pulled(t, shape)
			arguments := []string{"ls", "--output", "json", name}
			if c.arguments != "" {
				arguments = []string{"ls", "--output", "json", c.arguments, name}
			}
			sameJSON(t, p.succeeds(arguments...), filled(t, c.want, valuesOf(shape, name)))
		})
	}
}

func TestJSONTreeMarksWhatIsOddAboutALine(t *testing.T) {
	type line struct {
		Kind                       string
		Depth                      int
		Reference                  *int
		Repeated, Unread, Selected bool
	}
	lines := func(of string) (tree []line) {
		p, name := pulled(t, shapes.ByName(of))
		var read struct{ Tree []line }
		if err := json.Unmarshal([]byte(p.succeeds("tree", "--output", "json", name)), &read); err != nil {
			t.Fatal(err)
		}
		return read.Tree
	}
	number := func(n int) *int { return &n }
	for of, want := range map[string][]line{
		"cycle-of-one-artifact": {
			{Kind: "index"}, {Kind: "image", Depth: 1, Selected: true}, {Kind: "subject", Depth: 1},
			{Kind: "reference", Depth: 2, Reference: number(0)}, {Kind: "reference", Depth: 3, Reference: number(0), Repeated: true},
		},
		"match-first-then-nested": {{Kind: "index"}, {Kind: "image", Depth: 1, Selected: true}, {Kind: "index", Depth: 1, Unread: true}},
		"image-listed-twice":      {{Kind: "index"}, {Kind: "image", Depth: 1, Selected: true}, {Kind: "image", Depth: 1, Repeated: true}},
	} {
		if got := lines(of); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", of, got, want)
		}
	}
	p, name := pulled(t, shapes.ByName("single-manifest"))
	if out := p.succeeds("tree", "--output", "json", name); !strings.Contains(out, `"tree": []`) {
		t.Errorf("of a single manifest: %s", out)
	}
}
