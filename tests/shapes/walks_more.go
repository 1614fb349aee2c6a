// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func decode(text []byte, into any) {
	if err := json.Unmarshal(text, into); err != nil {
		panic(fmt.Sprintf("shapes: %v", err)) // it was encoded here
	}
}

func sha512Image(b *builder) {
	image := b.right()
	var manifest ocispec.Manifest
	decode(b.Blobs[image.Digest], &manifest)
	config := b.Blobs[manifest.Config.Digest]
	manifest.Config.Digest = digest.SHA512.FromBytes(config)
	b.Blobs[manifest.Config.Digest] = config
	text := encode(manifest)
	renamed := ocispec.Descriptor{
		MediaType: image.MediaType, Digest: digest.SHA512.FromBytes(text), Size: int64(len(text)), Platform: image.Platform,
	}
	b.Blobs[renamed.Digest] = text
	b.MediaTypes[renamed.Digest] = image.MediaType
	b.Configs[renamed.Digest], b.platforms[renamed.Digest] = manifest.Config.Digest, platformName(b.host)
	b.root(renamed, b.wrong("second"))
	b.selects(renamed, at(b.Root, 0))
	b.asks(renamed)
	b.leavesOut(at(b.Root, 1))
}

func blake3Image(b *builder) {
	unchecked, image := b.wrong("one with an unknown digest"), b.right()
	unchecked.Digest = digest.Digest("blake3:" + strings.Repeat("0123456789abcdef", 4))
	b.root(unchecked, image)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut(at(b.Root, 0))
}

// markedBy lists the image after one of the same platform with that annotation.
func (b *builder) markedBy(key, value, kind, source string) {
	artifact, image := annotate(b.wrong("marked one"), key, value), b.right()
	b.root(artifact, image)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut(at(b.Root, 0))
	b.lists(Reference{Digest: artifact.Digest, Type: kind, Sources: []string{source}})
}

func markedByTypeOnly(b *builder) { b.markedBy(referenceType, "sbom", "sbom", "index") }

func markedByBuildKitTypeOnly(b *builder) {
	b.markedBy("vnd.docker.reference.type", "attestation-manifest", "attestation-manifest", "buildkit")
}

func descriptionOnly(b *builder) {
	image := annotate(b.right(), referenceDescription, "the image itself", "org.example.note", "anything")
	b.root(image, b.wrong("second"))
	b.selects(image, at(b.Root, 0))
	b.asks(image)
	b.leavesOut(at(b.Root, 1))
	b.lists()
}

func unknownArchitecture(b *builder) {
	image := b.right()
	artifact := on(b.artifact("application/spdx+json", "{}"), ocispec.Platform{OS: "linux", Architecture: "unknown"})
	b.root(artifact, image)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut()
	b.lists(Reference{Digest: artifact.Digest})
}

func allPlatforms(b *builder) {
	b.Request.Platforms = nil
	image, foreign := b.right(), b.foreign()
	sbom := b.sbom(image)
	b.root(sbom, foreign, image)
	b.selects(foreign, at(b.Root, 1))
	b.selects(image, at(b.Root, 2))
	b.asks(foreign, image)
	b.leavesOut(at(b.Root, 0))
	b.lists(listed(sbom))
}

func twoPlatforms(b *builder) {
	b.Request.Platforms = []ocispec.Platform{b.host, b.other}
	image, foreign := b.right(), b.foreign()
	sbom := on(b.sbom(image), b.other)
	b.root(sbom, image, foreign)
	b.selects(image, at(b.Root, 1))
	b.selects(foreign, at(b.Root, 2))
	b.leavesOut(at(b.Root, 0))
	b.lists(listed(sbom))
}

func otherPlatforms(b *builder) {
	b.Request.OtherPlatforms = true
	image, foreign, second := b.right(), b.foreign(), b.wrong("second")
	sbom := b.sbom(image)
	signature := on(b.signature(image), b.other)
	attestation := annotate(on(b.artifact("application/vnd.in-toto+json", "{}"), b.other), "vnd.docker.reference.type", "attestation-manifest")
	b.root(sbom, foreign, image, second, signature, attestation)
	b.selects(image, at(b.Root, 2))
	b.Expect.Children = []Place{at(b.Root, 1), at(b.Root, 2), at(b.Root, 5)}
	b.asks(image)
	b.leavesOut(at(b.Root, 0), at(b.Root, 3), at(b.Root, 4))
	b.lists(listed(sbom), listed(signature), Reference{Digest: attestation.Digest, Type: "attestation-manifest", Sources: []string{"buildkit"}})
}

// withLowerPlatform lists an image of a platform that an amd64 host can run besides its own, and one of its own.
func (b *builder) withLowerPlatform() {
	b.Request.Match = "compatible"
	b.Request.Platforms = []ocispec.Platform{{OS: "linux", Architecture: "amd64"}}
	lower := b.image(program{says: "386", platform: ocispec.Platform{OS: "linux", Architecture: "386"}})
	image := b.image(program{says: b.Name, platform: b.Request.Platforms[0]})
	b.root(lower, image)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut()
}

func lowerPlatform(b *builder) { b.withLowerPlatform() }

func lowerPlatformMetadata(b *builder) {
	b.Request.OtherPlatforms = true
	b.withLowerPlatform()
	b.Expect.Children = []Place{at(b.Root, 0), at(b.Root, 1)}
}

func unreadAfterMatch(b *builder) {
	image, foreign := b.right(), b.foreign()
	inner := b.index(foreign)
	sbom := b.sbom(foreign)
	b.root(image, inner, sbom)
	b.selects(image, at(b.Root, 0))
	b.asks(image)
	b.leavesOut(at(b.Root, 1), at(b.Root, 2))
	unsure := listed(sbom)
	unsure.Weak = "unknown"
	b.lists(unsure)
	b.Expect.UnreadIndexes = new(1)
}
