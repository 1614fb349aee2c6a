// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"bytes"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// walks: the order in which a walk asks, what it skips and what ends it.
func walks() []entry {
	return []entry{
		{"empty-index", "an index without entries", emptyIndex},
		{"nested-other-platform", "a nested index that declares another platform is not read", nestedOtherPlatform},
		{"nested-same-platform", "a nested index that declares the platform is read", nestedSamePlatform},
		{"nested-listed-thrice", "a nested index that is listed three times is read once", nestedThrice},
		{"nested-twice-same-image", "two nested indexes hold the same image: the first path counts", nestedTwice},
		{"nested-missing", "a nested index without a platform is not in the registry: skipped", nestedMissing},
		{"nested-declared-missing", "a nested index that declares the platform is not in the registry: no fallback", nestedDeclaredMissing},
		{"nested-malformed", "a nested index without a platform is not JSON: skipped", nestedMalformed},
		{"nested-declared-malformed", "a nested index that declares the platform has a duplicate key: no fallback", nestedDeclaredMalformed},
		{"nested-wrong-digest", "the registry has other bytes under the digest of a nested index without a platform: skipped", nestedWrongDigest},
		{"declared-in-later-index-before-bare", "a declared image in a nested index wins over an earlier one without a platform", declaredInLaterIndex},
		{"bare-images-in-document-order", "images without a platform are taken in document order, nested ones in place", bareInOrder},
		{"config-missing", "the config of the matching image is not in the registry: no fallback", configMissing},
		{"config-of-bare-missing", "the config of an image without a platform is not in the registry: skipped", bareConfigMissing},
		{"config-malformed", "the config of the matching image is not JSON", configMalformed},
		{"config-duplicate-key", "the config of the matching image has a key twice", configDuplicate},
		{"config-folding-key", "the config of the matching image has ROOTFS, which Go reads as rootfs", configFolding},
		{"config-exempt-folding-key", "keys of a config that nobody here reads may differ by case", configExempt},
		{"config-without-platform", "an image without a platform whose config names none either: skipped", configWithoutPlatform},
		{"manifest-duplicate-key", "the matching manifest has config twice", manifestDuplicate},
		{"manifest-folding-key", "the matching manifest has Layers", manifestFolding},
		{"manifest-malformed-of-bare", "the manifest of an image without a platform has a key twice: skipped", bareManifestDuplicate},
		{"manifest-as-index", "an entry that declares the platform names an index, the bytes are a manifest", manifestAsIndex},
		{"index-as-bare-manifest", "an entry without a platform names a manifest, the bytes are an index: skipped", indexAsBareManifest},
		{"unmarked-artifact-with-image-config", "an unmarked artifact has an image's config, but only in-toto layers", unmarkedPayloads},
		{"unmarked-artifact-type-in-manifest", "an unmarked artifact has an image's config, but its manifest names an artifactType", unmarkedManifestType},
		{"unmarked-other-number-of-layers", "an unmarked artifact has more layers than its config names", unmarkedLayers},
		{"unmarked-unknown-layers-only", "an unmarked artifact has an image's config that names no layer, and a layer of an unknown type", unmarkedUnknownLayers},
		{"further-config-type", "a config type that the request names makes an image", furtherConfigType},
		{"unknown-config-type", "the same image without that request: an artifact after all", unknownConfigType},
		{"only-wasm-layer", "an image of one WebAssembly module and nothing else", onlyWasm},
		{"no-layers", "an image without layers", withoutLayers},
		{"sha512", "manifest and config are named by sha512", sha512Image},
		{"blake3-image-first", "an image with a digest that we cannot check is listed only: the next one is taken", blake3Image},
		{"marked-by-type-only", "reference.type alone marks an artifact", markedByTypeOnly},
		{"marked-by-buildkit-type-only", "BuildKit's reference type alone marks an artifact", markedByBuildKitTypeOnly},
		{"description-only-is-no-mark", "reference.description alone does not make an image an artifact", descriptionOnly},
		{"unknown-architecture", "an entry of an unknown architecture is an artifact", unknownArchitecture},
		{"all-platforms", "no platform asked for: every image", allPlatforms},
		{"two-platforms", "two platforms asked for: a selection for each", twoPlatforms},
		{"other-platforms-metadata", "images of other platforms and BuildKit's attestations are followed too, and nothing else", otherPlatforms},
		{"lower-platform", "what the host could run, too, but not as well, is of another platform: nothing was left out", lowerPlatform},
		{"lower-platform-metadata", "and with all metadata it is followed as other platforms are", lowerPlatformMetadata},
		{"unread-after-match", "an artifact's subject may be in an index that was not read: whether it is weak is unknown", unreadAfterMatch},
	}
}

func emptyIndex(b *builder) {
	b.root()
	b.refuses("no match", platformName(b.host), b.Root.Digest.String())
	b.asks()
}

func nestedOtherPlatform(b *builder) {
	image := b.right()
	b.root(on(b.index(b.foreign()), b.other), image)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut()
	b.Expect.UnreadIndexes = new(1)
}

func nestedSamePlatform(b *builder) {
	image := b.right()
	inner := on(b.index(image), b.host)
	b.root(b.foreign(), inner)
	b.selects(image, at(b.Root, 1), at(inner, 0))
	b.asks(inner, image)
	b.leavesOut()
}

func nestedThrice(b *builder) {
	image := b.right()
	inner := b.index(b.foreign())
	b.root(inner, inner, inner, image)
	b.selects(image, at(b.Root, 3))
	b.asks(inner, image)
}

func nestedTwice(b *builder) {
	image := b.right()
	one, other := b.index(image), b.index(b.foreign(), image)
	b.root(one, other)
	b.selects(image, at(b.Root, 0), at(one, 0))
	b.asks(one, image)
	b.Expect.UnreadIndexes = new(1)
}

func nestedMissing(b *builder) {
	image := b.right()
	inner := b.index(b.wrong("one in the missing index"))
	b.absent(inner)
	b.root(inner, image)
	b.selects(image, at(b.Root, 1))
	b.asks(inner, image)
	b.leavesOut(at(b.Root, 0))
	b.Expect.UnreadIndexes = new(1)
}

func nestedDeclaredMissing(b *builder) {
	inner := on(b.index(b.wrong("one in the missing index")), b.host)
	b.absent(inner)
	b.root(inner, b.right())
	b.refuses("missing", inner.Digest.String())
	b.asks(inner)
}

func nestedMalformed(b *builder) {
	image := b.right()
	inner := b.document(ocispec.MediaTypeImageIndex, []byte("{"))
	b.root(inner, image)
	b.selects(image, at(b.Root, 1))
	b.asks(inner, image)
	b.leavesOut(at(b.Root, 0))
}

func nestedDeclaredMalformed(b *builder) {
	inner := b.document(ocispec.MediaTypeImageIndex, []byte(`{"schemaVersion":2,"manifests":[],"manifests":[]}`))
	b.root(on(inner, b.host), b.right())
	b.refuses("ambiguous", "manifests", inner.Digest.String())
	b.asks(inner)
}

func nestedWrongDigest(b *builder) {
	image := b.right()
	inner := b.index(b.wrong("one in the nested index"))
	b.Blobs[inner.Digest] = bytes.ToUpper(b.Blobs[inner.Digest])
	b.root(inner, image)
	b.selects(image, at(b.Root, 1))
	b.asks(inner, image)
	b.leavesOut(at(b.Root, 0))
}

func declaredInLaterIndex(b *builder) {
	first, image := bare(b.wrong("one without a platform")), b.right()
	inner := b.index(image)
	b.root(first, inner)
	b.selects(image, at(b.Root, 1), at(inner, 0))
	b.asks(inner, image)
	b.leavesOut(at(b.Root, 0))
}

func bareInOrder(b *builder) {
	image, second := bare(b.right()), bare(b.wrong("second"))
	inner := b.index(image)
	b.root(inner, second)
	b.selects(image, at(b.Root, 0), at(inner, 0))
	b.asks(inner, image)
	b.leavesOut(at(b.Root, 1))
}

func configMissing(b *builder) {
	image := b.right()
	config := b.Configs[image.Digest]
	b.Absent[config] = true
	b.root(image, b.wrong("second"))
	b.refuses("missing", config.String())
	b.asks(image)
}

func bareConfigMissing(b *builder) {
	gone, image := bare(b.wrong("one without a config")), bare(b.right())
	b.Absent[b.Configs[gone.Digest]] = true
	b.root(gone, image)
	b.selects(image, at(b.Root, 1))
	b.asks(gone, image)
	b.leavesOut(at(b.Root, 0))
}

// reconfigured is the right image with other bytes as its config.
func (b *builder) reconfigured(change func([]byte) []byte) ocispec.Descriptor {
	image := b.right()
	old := b.Configs[image.Digest]
	config := b.blob(ocispec.MediaTypeImageConfig, change(b.Blobs[old]))
	var manifest ocispec.Manifest
	decode(b.Blobs[image.Digest], &manifest)
	manifest.Config = config
	changed := b.document(ocispec.MediaTypeImageManifest, encode(manifest))
	changed.Platform = image.Platform
	b.Configs[changed.Digest], b.platforms[changed.Digest] = config.Digest, b.platforms[image.Digest]
	return changed
}

func configMalformed(b *builder) {
	image := b.reconfigured(whole("{"))
	b.root(image, b.wrong("second"))
	b.refuses("malformed", b.Configs[image.Digest].String())
	b.asks(image)
}

func configDuplicate(b *builder) {
	image := b.reconfigured(swap(`"architecture":`, `"architecture":"arm64","architecture":`))
	b.root(image, b.wrong("second"))
	b.refuses("ambiguous", "architecture", b.Configs[image.Digest].String())
	b.asks(image)
}

func configFolding(b *builder) {
	image := b.reconfigured(swap(`"rootfs":`, `"ROOTFS":{},"rootfs":`))
	b.root(image, b.wrong("second"))
	b.refuses("ambiguous", "ROOTFS", b.Configs[image.Digest].String())
	b.asks(image)
}

func configExempt(b *builder) {
	image := b.reconfigured(swap(`"config":{`, `"config":{"LABELS":{"a":"b"},`))
	b.root(image)
	b.selects(image, at(b.Root, 0))
	b.asks(image)
}

func configWithoutPlatform(b *builder) {
	nowhere, image := bare(b.image(program{says: "nothing"})), bare(b.right())
	b.root(nowhere, image)
	b.selects(image, at(b.Root, 1))
	b.asks(nowhere, image)
	b.leavesOut(at(b.Root, 0))
}

// rewritten is an image whose manifest is written otherwise.
func (b *builder) rewritten(image ocispec.Descriptor, change func([]byte) []byte) ocispec.Descriptor {
	changed := b.document(image.MediaType, change(b.Blobs[image.Digest]))
	changed.Platform = image.Platform
	return changed
}

func manifestDuplicate(b *builder) {
	image := b.rewritten(b.right(), swap(`"config":`, `"config":{},"config":`))
	b.root(image, b.wrong("second"))
	b.refuses("ambiguous", "config", image.Digest.String())
	b.asks(image)
}

func manifestFolding(b *builder) {
	image := b.rewritten(b.right(), swap(`"layers":`, `"Layers":[],"layers":`))
	b.root(image, b.wrong("second"))
	b.refuses("ambiguous", "Layers", image.Digest.String())
	b.asks(image)
}

func bareManifestDuplicate(b *builder) {
	twice := bare(b.rewritten(b.wrong("one with two configs"), swap(`"config":`, `"config":{},"config":`)))
	image := bare(b.right())
	b.root(twice, image)
	b.selects(image, at(b.Root, 1))
	b.asks(twice, image)
	b.leavesOut(at(b.Root, 0))
}

func manifestAsIndex(b *builder) {
	image := b.right()
	named := image
	named.MediaType = ocispec.MediaTypeImageIndex
	b.root(named, b.wrong("second"))
	b.refuses("type mismatch", image.Digest.String())
	b.needs(image.Digest)
}

func indexAsBareManifest(b *builder) {
	named, image := b.index(b.wrong("one in the index")), bare(b.right())
	named.MediaType = ocispec.MediaTypeImageManifest
	b.root(named, image)
	b.selects(image, at(b.Root, 1))
	b.asks(named, image)
	b.leavesOut(at(b.Root, 0))
}

// disproven lists the image after one of the same platform that nothing marks and that its own bytes give away.
func (b *builder) disproven(configRead bool, change func(*ocispec.Manifest, *ocispec.Image)) {
	artifact := b.image(program{says: "nothing", platform: b.host, change: change})
	image := b.right()
	b.root(artifact, image)
	b.selects(image, at(b.Root, 1))
	b.needs(artifact.Digest)
	if configRead {
		b.needs(b.Configs[artifact.Digest])
	}
	b.asks(image)
	b.leavesOut(at(b.Root, 0))
}

func unmarkedPayloads(b *builder) {
	b.disproven(false, func(manifest *ocispec.Manifest, config *ocispec.Image) {
		manifest.Layers = []ocispec.Descriptor{b.blob("application/vnd.in-toto+json", []byte("{}"))}
		config.RootFS.DiffIDs = []digest.Digest{manifest.Layers[0].Digest}
	})
}

func unmarkedManifestType(b *builder) {
	b.disproven(false, func(manifest *ocispec.Manifest, _ *ocispec.Image) {
		manifest.ArtifactType = "application/vnd.example.tool"
	})
}

func unmarkedLayers(b *builder) {
	b.disproven(true, func(manifest *ocispec.Manifest, _ *ocispec.Image) {
		manifest.Layers = append(manifest.Layers, manifest.Layers[0])
	})
}

func unmarkedUnknownLayers(b *builder) {
	b.disproven(true, func(manifest *ocispec.Manifest, config *ocispec.Image) {
		noLayers(manifest, config)
		manifest.Layers = append(manifest.Layers, b.blob("text/plain", []byte("a note")))
	})
}

const exampleConfig = "application/vnd.example.config.v1+json"

func furtherConfigType(b *builder) {
	b.Request.ConfigTypes = []string{exampleConfig}
	image := b.image(program{says: b.Name, platform: b.host, change: func(manifest *ocispec.Manifest, _ *ocispec.Image) {
		manifest.Config.MediaType = exampleConfig
	}})
	b.root(image, b.wrong("second"))
	b.selects(image, at(b.Root, 0))
	b.asks(image)
	b.leavesOut(at(b.Root, 1))
}

func unknownConfigType(b *builder) {
	b.disproven(false, func(manifest *ocispec.Manifest, _ *ocispec.Image) { manifest.Config.MediaType = exampleConfig })
}

func onlyWasm(b *builder) {
	image := b.image(program{says: b.Name, platform: b.host, change: func(manifest *ocispec.Manifest, _ *ocispec.Image) {
		manifest.Layers = []ocispec.Descriptor{b.blob("application/vnd.bytecodealliance.wasm.component.layer.v0+wasm", []byte("\x00asm"))}
	}})
	b.root(image)
	b.selects(image, at(b.Root, 0))
	b.asks(image)
}

func withoutLayers(b *builder) {
	image := b.image(program{says: b.Name, platform: b.host, change: noLayers})
	b.root(image)
	b.selects(image, at(b.Root, 0))
	b.asks(image)
}
