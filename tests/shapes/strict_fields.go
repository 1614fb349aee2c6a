// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

// fields: members of another kind than the specification says.
func fields() []twisted {
	const size = `"size":`
	// entrySize gives the image's entry another size; what was there becomes an unknown member.
	entrySize := func(value string) func([]byte) []byte { return swap(size, size+value+`,"was":`) }
	return []twisted{
		{"schema-version-1", "schemaVersion is 1", swap(`"schemaVersion":2`, `"schemaVersion":1`), "unsupported", []string{"schemaVersion"}},
		{"schema-version-3", "schemaVersion is 3", swap(`"schemaVersion":2`, `"schemaVersion":3`), "unsupported", []string{"schemaVersion"}},
		{"schema-version-string", "schemaVersion is a string", swap(`"schemaVersion":2`, `"schemaVersion":"2"`), "malformed", []string{"schemaVersion"}},
		{"schema-version-missing", "there is no schemaVersion: the specification requires it, but stock pulls such an image, and so do we", swap(`"schemaVersion":2,`, ""), "ok", nil},
		{"media-type-missing", "the root names no mediaType: what the registry says counts", swap(`"mediaType":"application/vnd.oci.image.index.v1+json",`, ""), "ok", nil},
		{"media-type-of-docker", "the root calls itself a Docker manifest list: the same kind", swap("application/vnd.oci.image.index.v1+json", dockerIndex), "ok", nil},
		{"media-type-of-manifest", "the root calls itself a manifest, and has manifests: an index and a manifest at once", swap("application/vnd.oci.image.index.v1+json", dockerManifest), "ambiguous", nil},
		{"media-type-number", "the root's mediaType is a number", swap(`"mediaType":"application/vnd.oci.image.index.v1+json"`, `"mediaType":1`), "malformed", []string{"mediaType"}},
		{"manifests-object", "manifests is an object", swap(`"manifests":[`, `"manifests":{},"x":[`), "malformed", []string{"manifests"}},
		{"manifests-string", "manifests is a string", swap(`"manifests":[`, `"manifests":"","x":[`), "malformed", []string{"manifests"}},
		{"manifests-missing", "an index without manifests is none", swap(`"manifests":[`, `"x":[`), "malformed", []string{"manifests"}},
		{"annotations-null", "the root's annotations are null, as some encoders write none", inRoot(`"annotations":null`), "ok", nil},
		{"annotations-array", "the root's annotations are an array", inRoot(`"annotations":[]`), "malformed", []string{"annotations"}},
		{"annotation-number", "an annotation's value is a number", inSBOM(`"n":1`), "malformed", []string{"annotations"}},
		{"entry-null", "an entry is null", swap(`"manifests":[`, `"manifests":[null,`), "malformed", nil},
		{"entry-string", "an entry is a string", swap(`"manifests":[`, `"manifests":["sha256:00",`), "malformed", nil},
		{"entry-empty", "an entry has nothing", swap(`"manifests":[`, `"manifests":[{},`), "malformed", nil},
		{"entry-media-type-number", "an entry's mediaType is a number", swap(`"manifests":[{"mediaType":`, `"manifests":[{"mediaType":1,"x":`), "malformed", []string{"mediaType"}},
		{"entry-digest-number", "an entry's digest is a number", swap(`"digest":`, `"digest":1,"x":`), "malformed", []string{"digest"}},
		{"entry-digest-missing", "an entry has no digest", swap(`"digest":`, `"x":`), "malformed", []string{"digest"}},
		{"entry-platform-string", "an entry's platform is a string", swap(`"platform":`, `"platform":"linux/amd64","x":`), "malformed", []string{"platform"}},
		{"entry-platform-array", "an entry's platform is an array", swap(`"platform":`, `"platform":[],"x":`), "malformed", []string{"platform"}},
		{"entry-os-number", "an entry's os is a number", swap(`"os":`, `"os":1,"x":`), "malformed", []string{"os"}},
		{"entry-os-features-string", "an entry's os.features are a string", inPlatform(`"os.features":"win32k"`), "malformed", []string{"os.features"}},
		{"entry-os-feature-number", "an entry's os.features hold a number", inPlatform(`"os.features":[1]`), "malformed", []string{"os.features"}},
		{"entry-artifact-type-number", "an entry's artifactType is a number", inEntry(`"artifactType":1`), "malformed", []string{"artifactType"}},
		{"entry-annotations-null", "an entry's annotations are null", inEntry(`"annotations":null`), "ok", nil},
		{"entry-annotations-string", "an entry's annotations are a string", inEntry(`"annotations":""`), "malformed", []string{"annotations"}},
		{"entry-urls", "urls are ignored", inEntry(`"urls":["http://127.0.0.1/"]`), "ok", nil},
		{"entry-data-number", "an entry's data is a number", inEntry(`"data":1`), "malformed", []string{"data"}},
		{"entry-data-not-base64", "an entry's data is no base64", inEntry(`"data":"***"`), "malformed", []string{"data"}},
		{"entry-data-other-size", "an entry's data has another size than it says: nobody uses it", inEntry(`"data":"AAAA"`), "ok", nil},
		{"entry-data-empty", "an entry's data is there and empty: nobody uses it", inEntry(`"data":""`), "ok", nil},
		{"entry-data-null", "an entry's data is null", inEntry(`"data":null`), "ok", nil},
		{"entry-data-line-ends", "an entry's data has line ends, over which Go passes", inEntry(`"data":"AA\r\nAA"`), "ok", nil},
		{"size-missing", "an entry has no size", swap(size, `"x":`), "malformed", []string{"size"}},
		{"size-null", "a size is null, which Go reads as 0", entrySize("null"), "malformed", []string{"size"}},
		{"size-string", "a size is a string", entrySize(`"1"`), "malformed", []string{"size"}},
		{"size-true", "a size is true", entrySize("true"), "malformed", []string{"size"}},
		{"size-negative", "a size is -1", entrySize("-1"), "malformed", []string{"size"}},
		{"size-fraction", "a size is 1.0", entrySize("1.0"), "malformed", []string{"size"}},
		{"size-exponent", "a size is 1e3", entrySize("1e3"), "malformed", []string{"size"}},
		{"size-beyond-int64", "a size is 2^63", entrySize("9223372036854775808"), "malformed", []string{"size"}},
		{"size-beyond-uint64", "a size is 2^64", entrySize("18446744073709551616"), "malformed", nil},
	}
}
