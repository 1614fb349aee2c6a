// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// refusals: what must end in an error that names the place and the reason.
func refusals() []entry {
	return []entry{
		{"refused-nothing-matches", "images of other platforms only: the error says of each entry why not", nothingMatches},
		{"refused-only-artifacts", "an index of artifacts, one of which declares the platform", onlyArtifacts},
		{"refused-image-marked-as-artifact", "the only image is marked as an artifact: no fallback", markedImage},
		{"refused-duplicate-key", "manifests is there twice: readers disagree on which counts", duplicateKey},
		{"refused-case-colliding-key", "Manifests beside manifests: Go reads both as one", collidingKey},
		{"refused-index-and-manifest", "both manifests and layers: an index to one reader, a manifest to another", indexAndManifest},
		{"refused-wrong-size", "the matching image's size is not that of its bytes", wrongSize},
		{"refused-wrong-digest", "the registry has other bytes under the matching image's digest", wrongDigest},
		{"refused-missing-image", "the matching image is not in the registry; a later one does not stand in for it", missingImage},
		{"refused-malformed-entry-digest", "an entry's digest is no digest, though another entry matches", malformedEntryDigest},
		{"refused-nesting", "nine indexes inside the index: over the limit of eight", tooDeep},
		{"refused-documents", "257 documents: over the limit of 256", tooManyDocuments},
		{"refused-index-bomb", "seven indexes, each listing the next many times: every document is read once", indexBomb},
		{"refused-oversized-index", "the index is one byte over 4 MiB", oversizedIndex},
		{"refused-truncated-json", "the index ends in the middle", truncatedIndex},
		{"refused-type-mismatch", "the matching image's descriptor names a manifest, the bytes are an index", indexAsManifest},
	}
}

func nothingMatches(b *builder) {
	foreign := b.foreign()
	sbom := b.sbom(foreign)
	b.root(foreign, sbom)
	b.refuses("no match", platformName(b.host), "linux/"+b.other.Architecture, "sbom")
	b.asks()
}

func onlyArtifacts(b *builder) {
	subject := ocispec.Descriptor{Digest: digest.FromString("elsewhere")}
	sbom, signature := b.sbom(subject), on(b.signature(subject), b.host)
	b.root(sbom, signature)
	b.refuses("no match", platformName(b.host), "sbom", "signature")
	b.asks()
}

func markedImage(b *builder) {
	image := mark(b.right(), digest.FromString("elsewhere"), "sbom")
	b.root(image)
	b.refuses("no match", platformName(b.host), "sbom")
	b.asks()
}

// twist makes the root of other bytes than an encoder would write.
func (b *builder) twist(change func(root []byte) []byte) {
	old := b.Root.Digest
	changed := change(slices.Clone(b.Blobs[old]))
	delete(b.Blobs, old)
	delete(b.MediaTypes, old)
	b.Manifests = slices.DeleteFunc(b.Manifests, func(one digest.Digest) bool { return one == old })
	b.Root = b.document(b.Root.MediaType, changed)
	b.ServeBytes = true
}

// swap replaces old by changed, once; it panics if old is not there.
func swap(old, changed string) func([]byte) []byte {
	return func(text []byte) []byte {
		if !bytes.Contains(text, []byte(old)) {
			panic(fmt.Sprintf("shapes: nothing to change: no %q in %s", old, text))
		}
		return bytes.Replace(text, []byte(old), []byte(changed), 1)
	}
}

func duplicateKey(b *builder) {
	b.root(b.right())
	b.twist(swap(`"manifests":`, `"manifests":[],"manifests":`))
	b.refuses("ambiguous", "manifests", b.Root.Digest.String())
	b.asks()
}

func collidingKey(b *builder) {
	b.root(b.right())
	b.twist(swap(`"manifests":`, `"Manifests":[],"manifests":`))
	b.refuses("ambiguous", "Manifests", b.Root.Digest.String())
	b.asks()
}

func indexAndManifest(b *builder) {
	b.root(b.right())
	b.twist(swap(`"manifests":`, `"layers":[],"manifests":`))
	b.refuses("ambiguous", "layers", "manifests", b.Root.Digest.String())
	b.asks()
}

func wrongSize(b *builder) {
	image := b.right()
	image.Size++
	b.ServeBytes = true
	b.root(image, b.wrong("second"))
	b.refuses("size mismatch", image.Digest.String())
	b.needs(image.Digest)
}

func wrongDigest(b *builder) {
	image := b.right()
	b.Blobs[image.Digest] = bytes.Replace(b.Blobs[image.Digest], []byte(`"schemaVersion":2`), []byte(`"schemaVersion":3`), 1)
	b.ServeBytes = true
	b.root(image, b.wrong("second"))
	b.refuses("digest mismatch", image.Digest.String())
	b.needs(image.Digest)
}

func missingImage(b *builder) {
	image := b.right()
	b.absent(image)
	b.root(image, b.wrong("second"))
	b.refuses("missing", image.Digest.String())
	b.needs(image.Digest)
}

func malformedEntryDigest(b *builder) {
	image := b.right()
	b.root(image, b.foreign())
	digestOf := b.foreign().Digest.String()
	b.twist(swap(digestOf, strings.ToUpper(digestOf)))
	b.refuses("malformed", "digest", b.Root.Digest.String())
	b.asks()
}

func tooDeep(b *builder) {
	inner := b.index(b.right())
	asked := []ocispec.Descriptor{}
	for range 8 {
		asked = append(asked, inner)
		inner = b.index(inner)
	}
	b.root(inner)
	asked = append(asked, inner)
	slices.Reverse(asked)
	b.refuses("limit exceeded", "8")
	// The root holds nine indexes: the ninth is not asked for.
	b.asks(asked[:8]...)
}

func tooManyDocuments(b *builder) {
	var indexes []ocispec.Descriptor
	for i := range 256 {
		indexes = append(indexes, b.index(annotate(b.foreign(), "number", fmt.Sprint(i))))
	}
	b.root(append(indexes, b.right())...)
	b.refuses("limit exceeded", "256")
	b.asks(indexes[:255]...) // the root is the 256th
}

func indexBomb(b *builder) {
	listing := func(next ocispec.Descriptor) []ocispec.Descriptor {
		return slices.Repeat([]ocispec.Descriptor{next}, 64)
	}
	next := b.index(b.foreign())
	asked := []ocispec.Descriptor{next}
	for range 5 {
		next = b.index(listing(next)...)
		asked = append(asked, next)
	}
	b.root(listing(next)...)
	b.refuses("no match", platformName(b.host))
	slices.Reverse(asked)
	b.asks(asked...)
}

// documentLimit is that of an index or manifest, in bytes.
const documentLimit = 4 << 20

// pad makes the document that many bytes long without a change to what it says.
func pad(size int) func([]byte) []byte {
	return func(text []byte) []byte {
		return append(text, bytes.Repeat([]byte{' '}, size-len(text))...)
	}
}

func oversizedIndex(b *builder) {
	b.root(b.right())
	b.twist(pad(documentLimit + 1))
	b.refuses("limit exceeded", "4194304", b.Root.Digest.String())
	b.asks()
}

func truncatedIndex(b *builder) {
	b.root(b.right())
	b.twist(func(root []byte) []byte { return root[:len(root)-2] })
	b.refuses("malformed", b.Root.Digest.String())
	b.asks()
}

func indexAsManifest(b *builder) {
	image := on(b.index(b.right()), b.host)
	image.MediaType = ocispec.MediaTypeImageManifest
	b.ServeBytes = true
	b.root(image, b.wrong("second"))
	b.refuses("type mismatch", image.Digest.String())
	b.needs(image.Digest)
}
