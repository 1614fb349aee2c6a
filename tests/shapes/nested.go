// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func nestings() []entry {
	return []entry{
		{"nested", "the image is in an index inside the index", nested},
		{"artifacts-before-nested", "artifacts stand before the nested index that holds the image", artifactsBeforeNested},
		{"three-levels", "three indexes inside each other, with artifacts before the next one at each level", threeLevels},
		{"nested-first-then-match", "a nested index with a match stands before a matching image: document order, depth first", nestedFirst},
		{"match-first-then-nested", "a matching image stands before a nested index, which is not even read", matchFirst},
		{"nested-without-match-first", "the nested index that stands first holds nothing that matches", nestedWithoutMatch},
		{"marked-index-first", "a marked index is an artifact, whatever it holds", markedIndex},
		{"typed-index-first", "an index that stands first has an artifactType in its own bytes, and its entry does not say so", typedIndex},
		{"index-with-subject-first", "an index that stands first is about the image by its own bytes, and its entry does not say so", subjectIndex},
		{"docker-manifest-list", "a Docker manifest list of Docker manifests, an artifact among them", dockerList},
		{"docker-list-in-oci-index", "an OCI index nests a Docker manifest list", dockerListNested},
		{"oci-index-in-docker-list", "a Docker manifest list nests an OCI index", ociIndexNested},
		{"digest-tag-index", "the index under the digest tag of an index: the original nested, its manifests again, artifacts", digestTagIndex},
	}
}

func nested(b *builder) {
	image := b.right()
	inner := b.index(image, b.foreign())
	b.root(inner)
	b.selects(image, at(b.Root, 0), at(inner, 0))
	b.asks(inner, image)
	b.leavesOut()
	b.lists()
}

func artifactsBeforeNested(b *builder) {
	image := b.right()
	inner := b.index(b.foreign(), image)
	sbom, signature := b.sbom(image), b.signature(inner)
	b.root(sbom, signature, inner)
	b.selects(image, at(b.Root, 2), at(inner, 1))
	b.asks(inner, image)
	b.leavesOut(at(b.Root, 0), at(b.Root, 1))
	b.lists(listed(sbom), listed(signature))
}

func threeLevels(b *builder) {
	image := b.right()
	sbom := b.sbom(image)
	inner := b.index(sbom, image)
	innerSignature := b.signature(inner)
	middle := b.index(innerSignature, inner)
	middleSignature := on(b.signature(middle), b.host)
	b.root(middleSignature, middle)
	b.selects(image, at(b.Root, 1), at(middle, 1), at(inner, 1))
	b.asks(middle, inner, image)
	b.leavesOut(at(b.Root, 0), at(middle, 0), at(inner, 0))
	b.lists(listed(middleSignature), listed(innerSignature), listed(sbom))
}

func nestedFirst(b *builder) {
	image, second := b.right(), b.wrong("second")
	inner := b.index(b.foreign(), image)
	b.root(inner, second)
	b.selects(image, at(b.Root, 0), at(inner, 1))
	b.asks(inner, image)
	b.leavesOut(at(b.Root, 1))
	b.lists()
}

func typedIndex(b *builder) {
	wrong, image := b.wrong("one in an artifact"), b.right()
	artifact := b.indexWith(func(index *ocispec.Index) { index.ArtifactType = "application/vnd.example.collection" }, wrong)
	b.root(artifact, image)
	b.selects(image, at(b.Root, 1))
	b.asks(artifact, image)
	b.leavesOut(at(b.Root, 0))
	b.lists(Reference{Digest: artifact.Digest, Type: "application/vnd.example.collection", Sources: []string{"index"}})
}

func subjectIndex(b *builder) {
	wrong, image := b.wrong("one in a referrer"), b.right()
	artifact := b.indexWith(func(index *ocispec.Index) {
		index.Subject = &ocispec.Descriptor{MediaType: image.MediaType, Digest: image.Digest, Size: image.Size}
	}, wrong)
	nested := b.index(artifact, image)
	b.root(nested)
	b.selects(image, at(b.Root, 0), at(nested, 1))
	b.asks(nested, artifact, image)
	b.leavesOut(at(nested, 0))
	b.lists(Reference{Digest: artifact.Digest, Subject: image.Digest, Sources: []string{"index"}, Weak: "no"})
}

func matchFirst(b *builder) {
	image, second := b.right(), b.wrong("second")
	inner := b.index(second)
	b.root(image, inner)
	b.selects(image, at(b.Root, 0))
	b.asks(image)
	b.leavesOut(at(b.Root, 1))
	b.lists()
	b.Expect.UnreadIndexes = new(1)
}

func nestedWithoutMatch(b *builder) {
	image := b.right()
	inner := b.index(b.foreign())
	b.root(inner, image)
	b.selects(image, at(b.Root, 1))
	b.asks(inner, image)
	b.leavesOut(at(b.Root, 0))
	b.lists()
	b.Expect.UnreadIndexes = new(0)
}

func markedIndex(b *builder) {
	image := b.right()
	artifact := mark(b.index(b.wrong("one in the artifact")), image.Digest, "test-images")
	b.root(artifact, image)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut(at(b.Root, 0))
	b.lists(listed(artifact))
}

func dockerList(b *builder) {
	b.Output = "image: " + b.Name
	image := b.image(program{says: b.Name, platform: b.host, docker: true})
	foreign := b.image(program{says: b.Name + ", on the wrong platform", platform: b.other, docker: true})
	sbom := b.artifact("application/spdx+json", sbomText(b.Name, image), func(manifest *ocispec.Manifest) {
		manifest.MediaType, manifest.ArtifactType = dockerManifest, ""
		manifest.Config.MediaType = "application/vnd.example.sbom.config.v1+json"
	})
	sbom = mark(sbom, image.Digest, "sbom")
	b.Root = b.indexOf(dockerIndex, sbom, foreign, image)
	b.selects(image, at(b.Root, 2))
	b.asks(image)
	b.leavesOut(at(b.Root, 0))
	b.lists(listed(sbom))
}

func dockerListNested(b *builder) {
	b.Output = "image: " + b.Name
	image := b.image(program{says: b.Name, platform: b.host, docker: true})
	inner := b.indexOf(dockerIndex, image)
	signature := b.signature(inner)
	b.root(signature, inner)
	b.selects(image, at(b.Root, 1), at(inner, 0))
	b.asks(inner, image)
	b.leavesOut(at(b.Root, 0))
	b.lists(listed(signature))
}

func ociIndexNested(b *builder) {
	image := b.right()
	sbom := b.sbom(image)
	inner := b.index(sbom, image)
	b.Root = b.indexOf(dockerIndex, inner)
	b.selects(image, at(b.Root, 0), at(inner, 1))
	b.asks(inner, image)
	b.leavesOut(at(inner, 0))
	b.lists(listed(sbom))
}

func digestTagIndex(b *builder) {
	image, foreign := b.right(), b.foreign()
	original := b.index(foreign, image)
	sbom, signature := b.sbom(image), b.signature(original)
	b.root(original, foreign, image, sbom, signature)
	b.DigestTags["sha256-"+original.Digest.Encoded()] = b.Root.Digest
	b.selects(image, at(b.Root, 0), at(original, 1))
	b.asks(original, image)
	// The flattened entry is the very manifest that is followed: nothing of it is left out.
	b.leavesOut(at(b.Root, 3), at(b.Root, 4))
	b.lists(listed(sbom), listed(signature))
}
