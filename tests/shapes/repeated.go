// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"strconv"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// repeats: one digest under several entries, some of them wrong about it, and what is bounded however often it is repeated.
func repeats() []entry {
	return []entry{
		{"same-digest-first-as-index", "an entry calls the image an index, another is right about it", func(b *builder) {
			image := b.right()
			b.afterWrong(func(wrong *ocispec.Descriptor) { wrong.MediaType = ocispec.MediaTypeImageIndex }, image)
		}},
		{"same-digest-first-as-index-of-other-size", "an entry is wrong about the image's kind and size, another is right about it", func(b *builder) {
			image := b.right()
			b.afterWrong(func(wrong *ocispec.Descriptor) { wrong.MediaType, wrong.Size = ocispec.MediaTypeImageIndex, 7 }, image)
		}},
		{"same-digest-first-of-other-size", "of two entries without a platform one is wrong about the image's size", func(b *builder) {
			b.afterWrong(func(wrong *ocispec.Descriptor) { wrong.Size = 7 }, bare(b.right()))
		}},
		{"same-artifact-thousand-times", "a thousand entries of the image's platform name one artifact that nothing marks", func(b *builder) {
			artifact := on(b.artifact("application/spdx+json", "{}"), b.host)
			image := b.right()
			entries := make([]ocispec.Descriptor, 1000, 1001)
			for i := range entries {
				entries[i] = artifact
			}
			b.root(append(entries, image)...)
			b.selects(image, at(b.Root, 1000))
			b.asks(artifact, image)
		}},
		{"nested-again-below-the-limit", "an index that was read stands again deeper than nesting may go: it costs nothing", func(b *builder) {
			leaf := b.index(b.foreign())
			image := b.right()
			chain := leaf
			for range 8 {
				chain = b.index(chain)
			}
			b.root(leaf, chain, image)
			b.selects(image, at(b.Root, 2))
		}},
		{"nested-empty-only", "a root that holds nothing but an empty index", func(b *builder) {
			b.root(b.index())
			b.refuses("no match", "nested in it, which have no entries")
		}},
		{"malformed-reference-twice", "an artifact stands twice, once with a malformed subject: both are listed", func(b *builder) {
			image := b.right()
			artifact := b.artifact("application/spdx+json", sbomText(b.Name, image))
			b.root(image, annotate(artifact, referenceType, "sbom"), annotate(artifact, referenceType, "sbom", referenceDigest, "sha256:zz"))
			b.lists(Reference{Digest: artifact.Digest, Type: "sbom"}, Reference{Digest: artifact.Digest, Type: "sbom", Malformed: "sha256:zz"})
		}},
		{"reference-described-by-the-second", "an artifact stands twice: what the first entry leaves out the second tells", func(b *builder) {
			image := b.right()
			artifact := b.artifact("application/spdx+json", sbomText(b.Name, image))
			b.root(image, annotate(artifact, referenceDigest, image.Digest.String()),
				annotate(artifact, referenceDigest, image.Digest.String(), referenceType, "sbom", referenceDescription, "packages"))
			b.lists(Reference{Digest: artifact.Digest, Subject: image.Digest, Type: "sbom", Description: "packages"})
		}},
		{"fetch-of-one-artifact-about-two", "one artifact about the image and the index around it counts once against the limit", func(b *builder) {
			b.Request.Fetch, b.Request.Limits.FetchedReferences = true, 1
			image := b.right()
			inner := b.index(image)
			artifact := b.artifact("application/spdx+json", sbomText(b.Name, image))
			b.root(inner, mark(artifact, image.Digest, "sbom"), mark(artifact, inner.Digest, "sbom"))
			ofIndex := wanted(listed(artifact))
			ofIndex.Subject = inner.Digest
			ofImage := wanted(listed(artifact))
			ofImage.Subject = image.Digest
			b.lists(ofImage, ofIndex)
		}},
		{"nested-of-lower-platform-missing", "an index of a platform that the host runs less well is not in the registry: skipped", func(b *builder) {
			b.Request.Match, b.Request.Platforms = "compatible", []ocispec.Platform{{OS: "linux", Architecture: "amd64"}}
			image := b.image(program{says: b.Name, platform: b.Request.Platforms[0]})
			inner := on(b.index(b.foreign()), ocispec.Platform{OS: "linux", Architecture: "386"})
			b.absent(inner)
			b.root(inner, image)
			b.selects(image, at(b.Root, 1))
		}},
		{"fetch-not-of-blobs", "entries that are neither manifests nor indexes are listed and never fetched", func(b *builder) {
			b.Request.Fetch = true
			image := b.right()
			blob := mark(b.blob("application/octet-stream", []byte("a blob")), image.Digest, "notes")
			b.root(image, blob)
			b.lists(Reference{Digest: blob.Digest, Type: "notes"})
		}},
		{"limit-os-features-reached", "a platform lists as many features as it may", func(b *builder) { b.withFeatures(64) }},
		{"limit-os-features-exceeded", "and one more", func(b *builder) { b.withFeatures(65) }},
		{"limit-os-features-of-config", "the config of an image without a platform lists too many features: skipped", func(b *builder) {
			image := bare(b.right())
			many := bare(b.image(program{says: "many", platform: b.host, change: func(_ *ocispec.Manifest, config *ocispec.Image) {
				config.OSFeatures = features(65)
			}}))
			b.root(many, image)
			b.selects(image, at(b.Root, 1))
			b.asks(many, image)
		}},
		{"limit-walk-bytes-exceeded", "the documents together are over what the request allows", func(b *builder) {
			image := b.right()
			b.root(image)
			b.Request.Limits.WalkBytes = uint64(b.Root.Size+image.Size) + 1
			b.refuses("limit exceeded", "documents of this walk", strconv.FormatUint(b.Request.Limits.WalkBytes, 10), b.Configs[image.Digest].String())
			b.needs(image.Digest)
		}},
	}
}

// afterWrong lists an entry that names the image's digest wrongly, declares no platform, and stands before the right one.
func (b *builder) afterWrong(change func(*ocispec.Descriptor), image ocispec.Descriptor) {
	wrong := bare(image)
	change(&wrong)
	b.root(wrong, image)
	b.selects(image, at(b.Root, 1))
}

func features(count int) []string {
	many := make([]string, count)
	for i := range many {
		many[i] = "feature-" + strconv.Itoa(i)
	}
	return many
}

func (b *builder) withFeatures(count int) {
	image := b.right()
	other := on(b.foreign(), ocispec.Platform{OS: "linux", Architecture: "s390x", OSFeatures: features(count)})
	b.root(other, image)
	if count > 64 {
		b.refuses("limit exceeded", "features", "64", "manifests[0]")
		b.asks()
		return
	}
	b.selects(image, at(b.Root, 1))
}
