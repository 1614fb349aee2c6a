// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// firsts: what stands first in the index, before or after the image.
func firsts() []entry {
	return []entry{
		{"images-first", "images stand first, their artifacts after them, as Proposal F recommends", imagesFirst},
		{"artifact-first-no-platform", "an artifact without a platform stands before the image", artifactFirstNoPlatform},
		{"artifact-first-same-platform", "an artifact that declares the image's platform stands before it", artifactFirstSamePlatform},
		{"sbom-and-signature-first", "an SBOM, its signature and the image's stand before the image and have its platform", sbomAndSignatureFirst},
		{"artifact-first-unknown-platform", "an artifact of platform unknown/unknown stands before the image", artifactFirstUnknownPlatform},
		{"artifact-with-image-config", "a marked artifact of the same platform has the config of an image", artifactWithImageConfig},
		{"artifact-with-image-layers", "a marked artifact without a platform has layers as an image has, more than its config names", artifactWithImageLayers},
		{"artifact-as-docker-manifest", "a marked artifact of the same platform is a Docker manifest", artifactAsDockerManifest},
		{"unmarked-artifact-first-same-platform", "an artifact that nothing marks, with the image's platform, stands first: its own bytes tell", unmarkedArtifactFirst},
		{"artifact-type-only", "only artifactType marks the artifact of the same platform that stands first", artifactTypeOnly},
		{"two-matches-first-wins", "two images match: the first is taken", twoMatches},
	}
}

func imagesFirst(b *builder) {
	image, foreign := b.right(), b.foreign()
	sbom, signature := b.sbom(image), b.signature(image)
	b.root(image, foreign, sbom, signature)
	b.selects(image, at(b.Root, 0))
	b.asks(image)
	b.leavesOut(at(b.Root, 2), at(b.Root, 3))
	b.lists(listed(sbom), listed(signature))
}

func artifactFirstNoPlatform(b *builder) {
	image, foreign := b.right(), b.foreign()
	sbom := b.sbom(image)
	b.root(sbom, foreign, image)
	b.selects(image, at(b.Root, 2))
	b.asks(image)
	b.leavesOut(at(b.Root, 0))
	b.lists(listed(sbom))
}

func artifactFirstSamePlatform(b *builder) {
	image, foreign := b.right(), b.foreign()
	sbom := on(b.sbom(image), b.host)
	b.root(sbom, foreign, image)
	b.selects(image, at(b.Root, 2))
	b.asks(image)
	b.leavesOut(at(b.Root, 0))
	b.lists(listed(sbom))
}

func sbomAndSignatureFirst(b *builder) {
	image, foreign := b.right(), b.foreign()
	sbom := on(b.sbom(image), b.host)
	signature := on(b.signature(image), b.host)
	ofSBOM := on(b.signature(sbom), b.host)
	b.root(sbom, signature, ofSBOM, image, foreign)
	b.selects(image, at(b.Root, 3))
	b.asks(image)
	b.leavesOut(at(b.Root, 0), at(b.Root, 1), at(b.Root, 2))
	b.lists(listed(sbom), listed(signature), listed(ofSBOM))
}

func artifactFirstUnknownPlatform(b *builder) {
	image := b.right()
	sbom := b.artifact("application/spdx+json", sbomText(b.Name, image))
	sbom = on(sbom, ocispec.Platform{OS: "unknown", Architecture: "unknown"})
	b.root(sbom, image)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut() // unknown/unknown is neither no platform nor the requested one
	b.lists(Reference{Digest: sbom.Digest, Sources: []string{"index"}})
}

func artifactWithImageConfig(b *builder) {
	image := b.right()
	artifact := mark(b.wrong("artifact"), image.Digest, "debug-tools")
	b.root(artifact, image)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut(at(b.Root, 0))
	b.lists(listed(artifact))
}

func artifactWithImageLayers(b *builder) {
	image := b.right()
	artifact := b.image(program{says: "nothing", platform: b.host, change: func(manifest *ocispec.Manifest, _ *ocispec.Image) {
		manifest.Layers = append(manifest.Layers, manifest.Layers[0])
	}})
	artifact = mark(bare(artifact), image.Digest, "sources")
	b.root(artifact, image)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut(at(b.Root, 0))
	b.lists(listed(artifact))
}

func artifactAsDockerManifest(b *builder) {
	image := b.right()
	artifact := b.artifact("application/spdx+json", sbomText(b.Name, image), func(manifest *ocispec.Manifest) {
		manifest.MediaType, manifest.ArtifactType = dockerManifest, ""
		manifest.Config.MediaType = "application/vnd.example.sbom.config.v1+json"
	})
	artifact = on(mark(artifact, image.Digest, "sbom"), b.host)
	b.root(artifact, image)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut(at(b.Root, 0))
	b.lists(listed(artifact))
}

func unmarkedArtifactFirst(b *builder) {
	image := b.right()
	sbom := on(b.artifact("application/spdx+json", sbomText(b.Name, image)), b.host)
	b.root(sbom, image)
	b.selects(image, at(b.Root, 1))
	b.asks(sbom, image) // the manifest is read; its config is no image config, so that is not asked for
	b.leavesOut(at(b.Root, 0))
}

func artifactTypeOnly(b *builder) {
	image := b.right()
	sbom := typed(on(b.artifact("application/spdx+json", sbomText(b.Name, image)), b.host), "application/spdx+json")
	b.root(sbom, image)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut(at(b.Root, 0))
	b.lists(Reference{Digest: sbom.Digest, Type: "application/spdx+json", Sources: []string{"index"}})
}

func twoMatches(b *builder) {
	image, second := b.right(), b.wrong("second")
	b.root(b.foreign(), image, second)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut(at(b.Root, 2))
	b.lists()
}
