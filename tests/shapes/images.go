// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// images: images that are out of the ordinary, and the most ordinary one.
func images() []entry {
	return []entry{
		{"image-without-platform", "the only image declares no platform and stands behind artifacts", imageWithoutPlatform},
		{"image-without-platform-after-wrong-one", "of two images without a platform, the first one's config is of another platform", afterWrongOne},
		{"image-without-platform-after-artifact", "before an image without a platform stands an unmarked artifact without one", afterArtifact},
		{"image-without-platform-after-missing", "before an image without a platform stands one that is not in the registry", afterMissing},
		{"declared-platform-before-none", "an image that declares the platform wins over an earlier one that declares none", declaredWins},
		{"variants", "entries of other variants and architectures stand before the image", variants},
		{"media-type-disagreement", "the descriptor says Docker manifest, the bytes are an OCI manifest: one kind, so it runs", mediaTypeDisagreement},
		{"wasm-layer", "an image has a WebAssembly module beside its file system; stock runs it", wasmLayer},
		{"image-with-subject", "the image's manifest has a subject, which does not make it an artifact", imageWithSubject},
		{"image-listed-twice", "the same image is listed twice", imageTwice},
		{"single-manifest", "no index at all: refract does not touch it", singleManifest},
		{"single-docker-manifest", "no index at all, and a Docker manifest", singleDockerManifest},
		{"multi-platform", "an ordinary multi-platform image: selected as stock does", multiPlatform},
	}
}

func imageWithoutPlatform(b *builder) {
	image := bare(b.right())
	sbom, signature := b.sbom(image), on(b.signature(image), b.host)
	b.root(sbom, signature, b.foreign(), image)
	b.selects(image, at(b.Root, 3))
	b.asks(image)
	b.leavesOut(at(b.Root, 0), at(b.Root, 1))
	b.lists(listed(sbom), listed(signature))
}

func afterWrongOne(b *builder) {
	image, foreign := bare(b.right()), bare(b.foreign())
	b.root(foreign, image)
	b.selects(image, at(b.Root, 1))
	b.asks(foreign, image)
	b.leavesOut(at(b.Root, 0))
	b.lists()
}

func afterArtifact(b *builder) {
	image := bare(b.right())
	artifact := b.artifact("application/spdx+json", sbomText(b.Name, image))
	b.root(artifact, image)
	b.selects(image, at(b.Root, 1))
	b.asks(artifact, image)
	b.leavesOut(at(b.Root, 0))
}

func afterMissing(b *builder) {
	image, gone := bare(b.right()), bare(b.wrong("missing one"))
	b.absent(gone)
	b.root(gone, image)
	b.selects(image, at(b.Root, 1))
	b.needs(gone.Digest)
	b.asks(image)
	b.leavesOut(at(b.Root, 0))
}

func declaredWins(b *builder) {
	first, image := bare(b.wrong("one without a platform")), b.right()
	b.root(first, image)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut(at(b.Root, 0))
	b.lists()
}

func variants(b *builder) {
	var entries []ocispec.Descriptor
	for _, platform := range []ocispec.Platform{
		{OS: b.host.OS, Architecture: b.host.Architecture, Variant: "v3"},
		{OS: "linux", Architecture: "arm", Variant: "v5"},
		{OS: "linux", Architecture: "arm", Variant: "v7"},
		b.other,
	} {
		entries = append(entries, b.image(program{says: b.Name + ", wrongly " + platformName(platform), platform: platform}))
	}
	image := b.right()
	b.root(append(entries, image)...)
	b.selects(image, at(b.Root, 4))
	b.asks(image)
	b.leavesOut()
	b.lists()
}

func mediaTypeDisagreement(b *builder) {
	image := b.right()
	image.MediaType = dockerManifest
	sbom := b.sbom(image)
	// distribution answers 404 to a client that asks for a Docker manifest and has an OCI one.
	b.ServeBytes = true
	b.root(sbom, image)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut(at(b.Root, 0))
	b.lists(listed(sbom))
}

func wasmLayer(b *builder) {
	b.Output = "image: " + b.Name
	module := b.blob("application/vnd.bytecodealliance.wasm.component.layer.v0+wasm", []byte("\x00asm\x01\x00\x00\x00"))
	image := b.image(program{says: b.Name, platform: b.host, change: func(manifest *ocispec.Manifest, _ *ocispec.Image) {
		// Only layers that containerd unpacks are counted against the config's diff_ids, by containerd and so by us.
		manifest.Layers = append(manifest.Layers, module)
	}})
	sbom := b.sbom(image)
	b.root(sbom, image)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut(at(b.Root, 0))
	b.lists(listed(sbom))
}

func imageWithSubject(b *builder) {
	b.Output = "image: " + b.Name
	base := b.foreign()
	image := b.image(program{says: b.Name, platform: b.host, change: func(manifest *ocispec.Manifest, _ *ocispec.Image) {
		subject := bare(base)
		manifest.Subject = &subject
	}})
	b.root(image, base)
	b.selects(image, at(b.Root, 0))
	b.asks(image)
	b.leavesOut()
	b.lists()
}

func imageTwice(b *builder) {
	image := b.right()
	b.root(image, image)
	b.selects(image, at(b.Root, 0))
	b.asks(image)
	b.lists()
}

func singleManifest(b *builder) {
	b.Root = bare(b.right())
	b.Selected = b.Root.Digest
	b.Expect = Expect{} // there is no walk
}

func singleDockerManifest(b *builder) {
	b.Output = "image: " + b.Name
	b.Root = bare(b.image(program{says: b.Name, platform: b.host, docker: true}))
	b.Selected = b.Root.Digest
	b.Expect = Expect{} // there is no walk
}

// ordinary are the platforms of an ordinary multi-platform image, as Docker's official images have them.
func ordinary() []ocispec.Platform {
	return []ocispec.Platform{
		{OS: "linux", Architecture: "arm", Variant: "v5"},
		{OS: "linux", Architecture: "arm", Variant: "v6"},
		{OS: "linux", Architecture: "arm", Variant: "v7"},
		{OS: "linux", Architecture: "arm64", Variant: "v8"},
		{OS: "linux", Architecture: "386"},
		{OS: "linux", Architecture: "amd64"},
		{OS: "linux", Architecture: "mips64le"},
		{OS: "linux", Architecture: "ppc64le"},
		{OS: "linux", Architecture: "riscv64"},
		{OS: "linux", Architecture: "s390x"},
		{OS: "windows", Architecture: "amd64", OSVersion: "10.0.26100.4652"},
		{OS: "windows", Architecture: "amd64", OSVersion: "10.0.20348.3932"},
	}
}

func multiPlatform(b *builder) {
	b.multiPlatform(b.host)
}

// multiPlatform makes the ordinary image, of which the one for that platform must be selected.
func (b *builder) multiPlatform(want ocispec.Platform) {
	b.Output = "image: " + b.Name
	var entries []ocispec.Descriptor
	selected := -1
	for i, platform := range ordinary() {
		says := b.Name + ", wrongly " + platformName(platform)
		if platformName(platform) == platformName(want) && platform.OSVersion == want.OSVersion {
			says, selected = b.Name, i
		}
		entries = append(entries, b.image(program{says: says, platform: platform}))
	}
	b.root(entries...)
	b.selects(entries[selected], at(b.Root, uint32(selected)))
	b.asks(entries[selected])
	b.leavesOut()
	b.lists()
}

// noLayers makes an image without any layer, as FROM scratch with nothing added.
func noLayers(manifest *ocispec.Manifest, config *ocispec.Image) {
	manifest.Layers, config.RootFS.DiffIDs = []ocispec.Descriptor{}, []digest.Digest{}
}
