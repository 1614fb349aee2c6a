// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"slices"
	"strings"
)

// twisted is an index of one image and its SBOM in which one thing is written otherwise.
type twisted struct {
	name, about string
	change      func(root []byte) []byte
	status      string // "ok": the image is selected all the same
	words       []string
}

func (t twisted) entry() entry {
	return entry{t.name, t.about, func(b *builder) {
		image := b.right()
		b.root(image, b.sbom(image))
		b.twist(t.change)
		if t.status == "ok" {
			b.selects(image, at(b.Root, 0))
			b.asks(image)
			return
		}
		b.refuses(t.status, append(t.words, b.Root.Digest.String())...)
		b.asks()
	}}
}

func before(text string) func([]byte) []byte {
	return func(root []byte) []byte { return slices.Concat([]byte(text), root) }
}

func after(text string) func([]byte) []byte {
	return func(root []byte) []byte { return slices.Concat(root, []byte(text)) }
}

func whole(text string) func([]byte) []byte {
	return func([]byte) []byte { return []byte(text) }
}

// inRoot puts further members into the root's object, inEntry into the image's entry, inSBOM into the annotations of the
// artifact's entry, inPlatform into the image's platform.
func inRoot(members string) func([]byte) []byte {
	return swap("{\"schemaVersion\"", "{"+members+",\"schemaVersion\"")
}

func inEntry(members string) func([]byte) []byte {
	return swap("\"manifests\":[{", "\"manifests\":[{"+members+",")
}

func inSBOM(members string) func([]byte) []byte {
	return swap("\"annotations\":{", "\"annotations\":{"+members+",")
}

func inPlatform(members string) func([]byte) []byte {
	return swap("\"platform\":{", "\"platform\":{"+members+",")
}

// encodings: bytes that are not one JSON text in UTF-8.
func encodings() []twisted {
	return []twisted{
		{"json-byte-order-mark", "a byte-order mark stands before the index", before("\ufeff"), "malformed", nil},
		{"json-white-space-around", "white space around the index is fine", func(root []byte) []byte {
			return slices.Concat([]byte(" \t\r\n"), root, []byte("\n\n"))
		}, "ok", nil},
		{"json-empty", "the index has no bytes", whole(""), "malformed", nil},
		{"json-only-white-space", "the index is white space", whole("  \n"), "malformed", nil},
		{"json-trailing-object", "another object follows the index", after("{}"), "malformed", nil},
		{"json-trailing-bracket", "a bracket too many", after("}"), "malformed", nil},
		{"json-trailing-nul", "a NUL byte follows the index", after("\x00"), "malformed", nil},
		{"json-trailing-comma", "a comma follows the last member", swap("\"schemaVersion\":2,", "\"schemaVersion\":2,,"), "malformed", nil},
		{"json-comment", "a comment stands in the index", after("// comment"), "malformed", nil},
		{"json-single-quotes", "names are in single quotes", swap("\"schemaVersion\"", "'schemaVersion'"), "malformed", nil},
		{"json-control-character", "a raw line break stands in a string", inSBOM("\"note\":\"a\nb\""), "malformed", nil},
		{"json-not-a-number", "a number is NaN", inRoot("\"x\":NaN"), "malformed", nil},
		{"json-leading-zero", "a number begins with a zero", inRoot("\"x\":01"), "malformed", nil},
		{"utf8-invalid-byte", "a string holds a byte that is no UTF-8", inSBOM("\"note\":\"\xff\""), "malformed", nil},
		{"utf8-invalid-key", "a key holds a byte that is no UTF-8", inSBOM("\"\xff\":\"note\""), "malformed", nil},
		{"utf8-overlong", "a slash is written with two bytes", inSBOM("\"note\":\"\xc0\xaf\""), "malformed", nil},
		{"utf8-encoded-surrogate", "half a surrogate pair is written in UTF-8", inSBOM("\"note\":\"\xed\xa0\x80\""), "malformed", nil},
		{"utf8-beyond-unicode", "a code point over U+10FFFF", inSBOM("\"note\":\"\xf4\x90\x80\x80\""), "malformed", nil},
		{"utf8-cut-off", "a string ends inside a character", inSBOM("\"note\":\"\xe2\x82\""), "malformed", nil},
		{"escape-lone-surrogate", "half a surrogate pair is escaped", inSBOM(`"note":"\ud800"`), "malformed", nil},
		{"escape-low-surrogate-first", "the halves of a surrogate pair are in the wrong order", inSBOM(`"note":"\udc00\ud800"`), "malformed", nil},
		{"escape-surrogate-pair", "a whole escaped surrogate pair is a character", inSBOM(`"note":"\ud83d\ude80"`), "ok", nil},
		{"escape-unknown", "an escape that JSON does not know", inSBOM(`"note":"\x41"`), "malformed", nil},
		{"escaped-names", "names and values may be written with escapes", swap("\"manifests\"", `"\u006danifests"`), "ok", nil},
		{"root-is-array", "the root is an array", whole("[]"), "malformed", nil},
		{"root-is-string", "the root is a string", whole(`"index"`), "malformed", nil},
		{"root-is-null", "the root is null", whole("null"), "malformed", nil},
		{"root-is-number", "the root is a number", whole("2"), "malformed", nil},
	}
}

// readTwoWays: keys that Go's decoder and another reader take for different things.
func readTwoWays() []twisted {
	long := func(s string) string { return strings.ReplaceAll(s, "s", "\u017f") } // ſ folds to s
	return []twisted{
		{"duplicate-in-root", "mediaType is there twice in the root", inRoot(`"mediaType":"application/vnd.oci.image.index.v1+json"`), "ambiguous", []string{"mediaType"}},
		{"duplicate-schema-version", "schemaVersion is there twice, with the same value", inRoot(`"schemaVersion":2`), "ambiguous", []string{"schemaVersion"}},
		{"duplicate-in-entry", "an entry has two digests", inEntry(`"digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000"`), "ambiguous", []string{"digest"}},
		{"duplicate-in-platform", "a platform has two systems", inPlatform(`"os":"windows"`), "ambiguous", []string{"os"}},
		{"duplicate-annotation", "an annotation is there twice", inSBOM(`"org.opencontainers.reference.type":"signature"`), "ambiguous", []string{"org.opencontainers.reference.type"}},
		{"duplicate-annotations", "an entry has annotations twice", swap(`"annotations":{`, `"annotations":{},"annotations":{`), "ambiguous", []string{"annotations"}},
		{"duplicate-by-escape", "one of two equal keys is written with an escape", inEntry(`"diges\u0074":"sha256:0000000000000000000000000000000000000000000000000000000000000000"`), "ambiguous", []string{"digest"}},
		{"duplicate-in-unknown", "a key is there twice inside a member that nobody knows", inRoot(`"x":{"a":[{"b":1,"b":2}]}`), "ambiguous", []string{"b"}},
		{"duplicate-unknown", "an unknown key is there twice", inRoot(`"x":1,"x":1`), "ambiguous", []string{"x"}},
		{"folding-in-root", "a lone MEDIATYPE: Go reads it as mediaType, others do not", swap(`"mediaType":"application/vnd.oci.image.index.v1+json",`, `"MEDIATYPE":"application/vnd.oci.image.index.v1+json",`), "ambiguous", []string{"MEDIATYPE"}},
		{"folding-manifests", "Manifests instead of manifests", swap(`"manifests"`, `"Manifests"`), "ambiguous", []string{"Manifests"}},
		{"folding-layers", "an index has LAYERS", inRoot(`"LAYERS":[]`), "ambiguous", []string{"LAYERS"}},
		{"folding-subject", "an index has Subject", inRoot(`"Subject":null`), "ambiguous", []string{"Subject"}},
		{"folding-in-entry", "an entry has a DIGEST beside its digest", inEntry(`"DIGEST":"sha256:0000000000000000000000000000000000000000000000000000000000000000"`), "ambiguous", []string{"DIGEST"}},
		{"folding-long-s", "ſize, with U+017F, folds to size", inEntry(`"` + long("size") + `":1`), "ambiguous", []string{"ize"}},
		{"folding-long-s-escaped", "the same, escaped", inEntry(`"\u017fize":1`), "ambiguous", []string{"ize"}},
		{"folding-in-platform", "a platform has OS", inPlatform(`"OS":"windows"`), "ambiguous", []string{"OS"}},
		{"folding-platform-long-s", "a platform has oſ", inPlatform(`"o\u017f":"windows"`), "ambiguous", []string{"o"}},
		{"folding-artifact-type", "an entry has artifacttype", inEntry(`"artifacttype":"application/spdx+json"`), "ambiguous", []string{"artifacttype"}},
		{"folding-annotations", "an entry has Annotations", inEntry(`"Annotations":{}`), "ambiguous", []string{"Annotations"}},
		{"folding-data", "an entry has Data", inEntry(`"Data":"AA=="`), "ambiguous", []string{"Data"}},
		{"folding-exempt-annotation", "keys of annotations are told apart by case", inSBOM(`"ORG.opencontainers.reference.type":"signature"`), "ok", nil},
		{"folding-exempt-unknown", "inside a member that nobody decodes, case is nobody's business", inRoot(`"x":{"Digest":1,"digest":2}`), "ok", nil},
		{"unknown-members", "members that nobody knows are ignored", inRoot(`"x":[1.5,true,null,{"y":"z"}]`), "ok", nil},
		{"index-with-layers", "an index has layers", inRoot(`"layers":[]`), "ambiguous", []string{"layers"}},
		{"index-with-config", "an index has a config", inRoot(`"config":{}`), "ambiguous", []string{"config"}},
		{"index-with-fs-layers", "an index has the layers of schema 1, a format that nobody reads any more", inRoot(`"fsLayers":[]`), "unsupported", []string{"fsLayers"}},
	}
}
