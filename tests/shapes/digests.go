// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// BadDigest is a text that some reader might take for a digest.
type BadDigest struct {
	Name, Text string
}

// BadDigests are all refused wherever a digest stands. They are over 40.
func BadDigests() []BadDigest {
	hex := digest.FromString("something").Encoded()
	return []BadDigest{
		{"empty", ""},
		{"algorithm-only", "sha256"},
		{"algorithm-and-colon", "sha256:"},
		{"no-algorithm", ":" + hex},
		{"hex-only", hex},
		{"one-digit-short", "sha256:" + hex[1:]},
		{"one-digit-long", "sha256:" + hex + "0"},
		{"upper-case-hex", "sha256:" + strings.ToUpper(hex)},
		{"one-upper-case-digit", "sha256:" + hex[:63] + "A"},
		{"upper-case-algorithm", "SHA256:" + hex},
		{"mixed-case-algorithm", "Sha256:" + hex},
		{"space-after", "sha256:" + hex + " "},
		{"space-before", " sha256:" + hex},
		{"space-within", "sha256: " + hex[1:]},
		{"line-break-after", "sha256:" + hex + "\n"},
		{"tab-after", "sha256:" + hex + "\t"},
		{"nul-after", "sha256:" + hex + "\x00"},
		{"nul-within", "sha256:" + hex[:32] + "\x00" + hex[33:]},
		{"escape-sequence", "sha256:\x1b[31m" + hex[5:]},
		{"letter-g", "sha256:" + hex[:63] + "g"},
		{"letter-o", "sha256:" + hex[:63] + "O"},
		{"hyphen-within", "sha256:" + hex[:31] + "-" + hex[32:]},
		{"dots", "sha256:../../../../../../../../../../../../../../../../etc/passwd"},
		{"slash-after", "sha256:" + hex + "/.."},
		{"slash-for-colon", "sha256/" + hex},
		{"hyphen-for-colon", "sha256-" + hex},
		{"two-colons", "sha256::" + hex},
		{"algorithm-twice", "sha256:sha256:" + hex},
		{"two-digests", "sha256:" + hex + "@sha256:" + hex},
		{"name-before", "name@sha256:" + hex},
		{"tag", "latest"},
		{"hexadecimal-prefix", "sha256:0x" + hex[2:]},
		{"percent-sign", "sha256:" + hex[:61] + "%00"},
		{"sha256-with-512-bits", "sha256:" + hex + hex},
		{"sha512-with-256-bits", "sha512:" + hex},
		{"sha512-one-digit-short", "sha512:" + hex + hex[1:]},
		{"sha512-upper-case", "sha512:" + strings.ToUpper(hex+hex)},
		{"algorithm-with-space", "sha 256:" + hex},
		{"algorithm-begins-with-separator", "+sha256:" + hex},
		{"algorithm-ends-with-separator", "sha256+:" + hex},
		{"algorithm-with-two-separators", "sha256+_b64:" + hex},
		{"unknown-algorithm-empty", "blake3:"},
		{"unknown-algorithm-with-slash", "blake3:" + hex[:63] + "/"},
		{"unknown-algorithm-upper-case", "BLAKE3:" + hex},
		{"algorithm-long-s", "\u017fha256:" + hex},
		{"full-width-colon", "sha256\uff1a" + hex},
		{"full-width-digit", "sha256:" + hex[:63] + "\uff10"},
		{"accent", "sha256:" + hex[:62] + "\u00e9"},
		{"right-to-left", "sha256:\u202e" + hex[3:]},
	}
}

// badDigests: each bad digest as that of an entry, which refuses the index; and all of them in the other places, where the
// manifest that holds one is skipped because it declares no platform.
func badDigests() []entry {
	var entries []entry
	for _, bad := range BadDigests() {
		entries = append(entries, entry{"entry-digest-" + bad.Name, fmt.Sprintf("an entry's digest is %q", bad.Text), func(b *builder) {
			image := b.right()
			entry := b.artifact("application/spdx+json", sbomText(b.Name, image))
			entry.Digest = digest.Digest(bad.Text)
			b.root(image, entry)
			b.refuses("malformed", "digest", b.Root.Digest.String())
			b.asks()
		}})
	}
	return append(entries,
		entry{"bad-digests-of-configs", "every bad digest as that of a config", badConfigDigests},
		entry{"bad-digests-of-layers", "every bad digest as that of a layer", badLayerDigests},
		entry{"bad-digests-of-subjects", "every bad digest as that of a manifest's subject", badSubjectDigests},
		entry{"bad-digests-in-nested-indexes", "every bad digest as that of an entry of a nested index", badNestedDigests},
		entry{"bad-digests-of-references", "every bad digest as reference.digest: listed as malformed, and the pull goes on", badReferenceDigests},
		entry{"bad-digests-of-buildkit-references", "every bad digest as BuildKit's reference", badBuildKitDigests},
		entry{"bad-digest-of-index-subject", "the index's own subject has a bad digest", badIndexSubject},
	)
}

// skips lists images without a platform that cannot be read, and then one that can.
func (b *builder) skips(change func(manifest *ocispec.Manifest, bad digest.Digest)) {
	var entries []ocispec.Descriptor
	for i, bad := range BadDigests() {
		// Each has a config of its own, so that one which is taken for good shows among what the walk asks for.
		config := b.blob(ocispec.MediaTypeImageConfig, fmt.Appendf(nil, `{"number":%d}`, i))
		manifest := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Config: config, Layers: []ocispec.Descriptor{b.layer}}
		manifest.SchemaVersion = 2
		change(&manifest, digest.Digest(bad.Text))
		unreadable := b.document(manifest.MediaType, encode(manifest))
		b.needs(unreadable.Digest)
		entries = append(entries, unreadable)
	}
	image := bare(b.right())
	b.root(append(entries, image)...)
	b.selects(image, at(b.Root, uint32(len(entries))))
	b.asks(image)
}

func badConfigDigests(b *builder) {
	b.skips(func(manifest *ocispec.Manifest, bad digest.Digest) { manifest.Config.Digest = bad })
}

func badLayerDigests(b *builder) {
	b.skips(func(manifest *ocispec.Manifest, bad digest.Digest) { manifest.Layers[0].Digest = bad })
}

func badSubjectDigests(b *builder) {
	b.skips(func(manifest *ocispec.Manifest, bad digest.Digest) {
		manifest.Subject = &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: bad, Size: 1}
	})
}

func badNestedDigests(b *builder) {
	var entries []ocispec.Descriptor
	for _, bad := range BadDigests() {
		image := b.wrong("one with a bad digest")
		image.Digest = digest.Digest(bad.Text)
		nested := b.index(image)
		b.asks(nested)
		entries = append(entries, nested)
	}
	image := b.right()
	b.root(append(entries, image)...)
	b.selects(image, at(b.Root, uint32(len(entries))))
	b.asks(image)
}

func (b *builder) badReferences(key string) {
	image := b.right()
	entries := []ocispec.Descriptor{image}
	for i, bad := range BadDigests() {
		if bad.Text == "" {
			continue // says nothing, which is not malformed
		}
		artifact := annotate(b.artifact("application/vnd.example.scan+json", fmt.Sprint(i)), key, bad.Text)
		reference := Reference{Digest: artifact.Digest}
		if !strings.ContainsFunc(bad.Text, func(r rune) bool { return r <= ' ' || r > '~' }) {
			reference.Malformed = bad.Text // else it is escaped in some way
		}
		entries = append(entries, artifact)
		b.Expect.References = append(b.Expect.References, reference)
	}
	b.root(entries...)
	b.selects(image, at(b.Root, 0))
	b.asks(image)
}

func badReferenceDigests(b *builder) { b.badReferences(referenceDigest) }

func badBuildKitDigests(b *builder) { b.badReferences("vnd.docker.reference.digest") }

func badIndexSubject(b *builder) {
	b.root(b.right())
	b.twist(swap(`"manifests":`, `"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:0","size":1},"manifests":`))
	b.refuses("malformed", "subject")
	b.asks()
}
