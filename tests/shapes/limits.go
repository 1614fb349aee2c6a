// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// limits: at each limit, and one over it.
func limits() []entry {
	entries := []entry{
		{"limit-nesting-reached", "eight indexes inside the index", nestingReached},
		{"limit-nesting-of-request", "two indexes inside the index, and the request allows one", nestingOfRequest},
		{"limit-documents-of-request", "the fourth document, and the request allows three", documentsOfRequest},
		{"limit-documents-reached", "the third document, and the request allows three", documentsReached},
		{"limit-entries-reached", "three entries, and the request allows three", func(b *builder) { entriesOfRequest(b, 0) }},
		{"limit-entries-exceeded", "four entries, and the request allows three", func(b *builder) { entriesOfRequest(b, 1) }},
		{"limit-entries-of-nested-exceeded", "an index inside the index has four entries, and the request allows three", nestedEntries},
		{"limit-document-bytes-reached", "an index of exactly 4 MiB", documentBytesReached},
		{"limit-manifest-bytes", "the matching manifest declares a byte more than 4 MiB: not asked for", manifestBytes},
		{"limit-config-bytes", "the matching image's config declares a byte more than 4 MiB: not asked for", configBytes},
		{"limit-declared-2-31", "the matching manifest declares 2^31 bytes", func(b *builder) { declaredBytes(b, 1<<31) }},
		{"limit-declared-2-62", "the matching manifest declares 2^62 bytes", func(b *builder) { declaredBytes(b, 1<<62) }},
		{"limit-declared-0", "the matching manifest declares no bytes, but has some", func(b *builder) {
			image := b.right()
			image.Size = 0
			b.root(image, b.wrong("second"))
			b.refuses("size mismatch", image.Digest.String())
		}},
		{"limit-fetched-references-reached", "the policy wants two references, and the request allows two", func(b *builder) { fetchedReferences(b, 2) }},
		{"limit-fetched-references-exceeded", "the policy wants two references, and the request allows one", func(b *builder) { fetchedReferences(b, 1) }},
		{"limit-artifact-of-2-62", "an artifact that is not fetched may be as large as it likes", largeArtifact},
	}
	for _, one := range []struct {
		name, about string
		over        int
	}{{"reached", "64 KiB of annotations in one descriptor", 0}, {"exceeded", "64 KiB of annotations in one descriptor, and a byte", 1}} {
		entries = append(entries, entry{"limit-annotations-" + one.name, one.about, func(b *builder) {
			image := annotate(b.right(), "note", strings.Repeat("n", 64<<10-len("note")+one.over))
			b.root(image)
			if one.over > 0 {
				b.refuses("limit exceeded", "annotations", "65536")
				b.asks()
				return
			}
			b.selects(image, at(b.Root, 0))
		}})
	}
	for _, depth := range []int{64, 65, 2000} {
		entries = append(entries, entry{"limit-depth-" + strconv.Itoa(depth), "a value nested " + strconv.Itoa(depth) + " deep", func(b *builder) {
			image := b.right()
			b.root(image)
			nested := strings.Repeat("[", depth-1) + "1" + strings.Repeat("]", depth-1) // the root is the first level
			b.twist(inRoot(`"x":` + nested))
			if depth > 64 {
				b.refuses("limit exceeded", "64", b.Root.Digest.String())
				b.asks()
				return
			}
			b.selects(image, at(b.Root, 0))
		}})
	}
	return append(entries, roots()...)
}

func nestingReached(b *builder) {
	image := b.right()
	inner := b.index(image)
	path, asked := []Place{at(inner, 0)}, []ocispec.Descriptor{inner}
	for range 7 {
		inner = b.index(inner)
		path, asked = append([]Place{at(inner, 0)}, path...), append([]ocispec.Descriptor{inner}, asked...)
	}
	b.root(inner)
	b.selects(image, append([]Place{at(b.Root, 0)}, path...)...)
	b.asks(append(asked, image)...)
}

func nestingOfRequest(b *builder) {
	b.Request.Limits.Nesting = 1
	inner := b.index(b.right())
	outer := b.index(inner)
	b.root(outer)
	b.refuses("limit exceeded")
	b.asks(outer)
}

func documentsOfRequest(b *builder) {
	b.Request.Limits.Documents = 3
	inner := b.index(b.right())
	outer := b.index(inner)
	b.root(outer)
	b.refuses("limit exceeded", "3")
	b.asks(outer, inner)
}

func documentsReached(b *builder) {
	b.Request.Limits.Documents = 3
	image := b.right()
	b.root(image)
	b.selects(image, at(b.Root, 0))
	b.asks(image)
}

func entriesOfRequest(b *builder, over int) {
	b.Request.Limits.Entries = 3
	image := b.right()
	entries := []ocispec.Descriptor{image}
	for len(entries) < 3+over {
		entries = append(entries, b.sbom(image))
	}
	b.root(entries...)
	if over > 0 {
		b.refuses("limit exceeded", "manifests", "4 entries", "3", b.Root.Digest.String())
		b.asks()
		return
	}
	b.selects(image, at(b.Root, 0))
}

func nestedEntries(b *builder) {
	b.Request.Limits.Entries = 3
	image := b.right()
	inner := b.index(image, b.wrong("one"), b.wrong("two"), b.wrong("three"))
	b.root(inner)
	b.refuses("no match", "4 entries", "limit of 3")
	b.asks(inner)
}

func documentBytesReached(b *builder) {
	image := b.right()
	b.root(image)
	b.twist(pad(documentLimit))
	b.selects(image, at(b.Root, 0))
	b.asks(image)
}

func manifestBytes(b *builder) { declaredBytes(b, documentLimit+1) }

func declaredBytes(b *builder, size int64) {
	image := b.right()
	image.Size = size
	b.root(image, b.wrong("second"))
	b.refuses("limit exceeded", image.Digest.String())
	b.asks()
}

func configBytes(b *builder) {
	image := b.right()
	var manifest ocispec.Manifest
	decode(b.Blobs[image.Digest], &manifest)
	manifest.Config.Size = documentLimit + 1
	changed := b.document(image.MediaType, encode(manifest))
	changed.Platform = image.Platform
	b.root(changed, b.wrong("second"))
	b.refuses("limit exceeded", "config", changed.Digest.String())
	b.needs(changed.Digest)
}

func largeArtifact(b *builder) {
	image := b.right()
	sbom := b.sbom(image)
	sbom.Size = 1 << 62
	b.root(sbom, image)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.lists(listed(sbom))
}

func fetchedReferences(b *builder, allowed uint32) {
	b.Request.Fetch, b.Request.Limits.FetchedReferences = true, allowed
	image := b.right()
	sbom, signature := b.sbom(image), b.signature(image)
	b.root(image, sbom, signature)
	if allowed < 2 {
		b.refuses("limit exceeded", "references")
		return
	}
	b.lists(wanted(listed(sbom)), wanted(listed(signature)))
}

// roots: the registry's descriptor of the root is not what its bytes are.
func roots() []entry {
	of := func(name, about, status string, change func(b *builder)) entry {
		return entry{"root-" + name, about, func(b *builder) {
			b.root(b.right())
			change(b)
			b.refuses(status)
			b.asks()
		}}
	}
	// renamed puts the root's bytes under another digest.
	renamed := func(b *builder, to digest.Digest) {
		old := b.Root.Digest
		b.Blobs[to], b.MediaTypes[to] = b.Blobs[old], b.MediaTypes[old]
		b.Root.Digest = to
	}
	return []entry{
		of("wrong-digest", "the root's bytes are others than its digest says", "digest mismatch", func(b *builder) {
			renamed(b, digest.FromString("other bytes"))
		}),
		of("wrong-digest-of-sha512", "the root's digest is of sha512, and of other bytes", "digest mismatch", func(b *builder) {
			renamed(b, digest.SHA512.FromString("other bytes"))
		}),
		of("digest-of-unknown-algorithm", "the root's digest is of an algorithm that nobody here can check", "unsupported", func(b *builder) {
			renamed(b, digest.Digest("blake3:"+strings.Repeat("0123456789abcdef", 4)))
		}),
		of("too-few-bytes", "the root has fewer bytes than its descriptor says", "size mismatch", func(b *builder) { b.Root.Size++ }),
		of("too-many-bytes", "the root has more bytes than its descriptor says", "size mismatch", func(b *builder) { b.Root.Size-- }),
		of("manifest-as-index", "the registry calls a manifest an index", "type mismatch", func(b *builder) {
			image := b.right()
			b.Root = b.document(ocispec.MediaTypeImageIndex, bytes.TrimSpace(b.Blobs[image.Digest]))
		}),
		of("index-as-manifest", "the registry calls an index a manifest: a walk does not begin at one", "invalid argument", func(b *builder) {
			b.Root.MediaType = ocispec.MediaTypeImageManifest
		}),
	}
}
