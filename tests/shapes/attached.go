// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// attachments: what is attached to the image, how it says so, and what is wrong with it.
func attachments() []entry {
	return []entry{
		{"buildkit-attestations", "an index as BuildKit makes it: attestations of platform unknown/unknown", buildkit},
		{"soci-v2", "a SOCI v2 index manifest of the image's own platform, before it", soci},
		{"plain-blobs-as-entries", "entries that are neither manifests nor indexes, one of them marked", plainBlobs},
		{"weak-references", "artifacts about something that no index lists, beside one that is not weak", weakReferences},
		{"references-to-references", "a signature of an SBOM, and an attestation of that signature", referencesToReferences},
		{"cycle-of-two-artifacts", "two artifacts are about each other", cycleOfTwo},
		{"cycle-of-one-artifact", "an artifact is about itself", cycleOfOne},
		{"cycle-through-nested-index", "an artifact is about the nested index that holds it", cycleThroughIndex},
		{"two-sources-one-reference", "one entry marked by Proposal F and by BuildKit is one reference with two sources", twoSources},
		{"reference-type-disagreement", "descriptor and manifest disagree on the type and subject of a reference: the descriptor wins", typeDisagreement},
		{"inline-signatures", "cosign signatures in annotations of the image's own descriptor, which stays an image", inlineSignatures},
		{"artifacts-200", "200 artifacts stand before the image; none of them costs a request", manyArtifacts},
		{"missing-marked-artifact", "a marked artifact is not in the registry", missingMarked},
		{"missing-platformless-artifact", "an unmarked artifact without a platform is not in the registry", missingPlatformless},
		{"unknown-digest-algorithm", "an artifact's digest is of an algorithm that we do not know: listed, never selected", unknownAlgorithm},
		{"malformed-reference-digest", "reference.digest is no digest: listed as malformed, and the pull goes on", malformedReference},
		{"image-with-config-artifact-type", "artifactType of an image config type does not make an image an artifact", imageArtifactType},
	}
}

func buildkit(b *builder) {
	image, foreign := b.right(), b.foreign()
	first, second := b.attestation(image), b.attestation(foreign)
	b.root(image, foreign, first, second)
	b.selects(image, at(b.Root, 0))
	b.asks(image)
	b.leavesOut()
	from := []string{"buildkit"}
	b.lists(
		Reference{Digest: first.Digest, Subject: image.Digest, Type: "attestation-manifest", Sources: from, Weak: "no"},
		Reference{Digest: second.Digest, Subject: foreign.Digest, Type: "attestation-manifest", Sources: from, Weak: "no"})
}

// attestation adds an attestation of an image as BuildKit makes it, and marks it likewise.
func (b *builder) attestation(of ocispec.Descriptor) ocispec.Descriptor {
	statement := fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v0.1","subject":[{"digest":{"sha256":%q}}]}`, of.Digest.Encoded())
	attestation := b.image(program{platform: ocispec.Platform{OS: "unknown", Architecture: "unknown"},
		change: func(manifest *ocispec.Manifest, config *ocispec.Image) {
			manifest.Layers = []ocispec.Descriptor{b.blob("application/vnd.in-toto+json", []byte(statement))}
			config.RootFS.DiffIDs = []digest.Digest{manifest.Layers[0].Digest}
			config.Config = ocispec.ImageConfig{}
		}})
	return annotate(attestation, "vnd.docker.reference.type", "attestation-manifest", "vnd.docker.reference.digest", of.Digest.String())
}

const sociType = "application/vnd.amazon.soci.index.v2+json"

func soci(b *builder) {
	image := b.right()
	index := b.sociIndex(image)
	b.root(index, annotate(image, "com.amazon.soci.index-digest", index.Digest.String()))
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut(at(b.Root, 0))
	b.lists(Reference{Digest: index.Digest, Subject: image.Digest, Type: sociType, Sources: []string{"soci"}, Weak: "no"})
}

// sociIndex adds a SOCI v2 index manifest of an image, with the image's platform.
func (b *builder) sociIndex(image ocispec.Descriptor) ocispec.Descriptor {
	index := b.artifact(sociType, "zTOC of "+b.Name, func(manifest *ocispec.Manifest) {
		manifest.Config.MediaType = sociType
		manifest.Layers[0].MediaType = "application/octet-stream"
	})
	return typed(on(annotate(index, "com.amazon.soci.image-manifest-digest", image.Digest.String()), b.host), sociType)
}

func plainBlobs(b *builder) {
	image := b.right()
	readme := b.blob("text/markdown", []byte("# "+b.Name))
	sbom := mark(b.blob("application/spdx+json", []byte(sbomText(b.Name, image))), image.Digest, "sbom")
	b.ServeBytes = true
	b.root(readme, sbom, image)
	b.selects(image, at(b.Root, 2))
	b.asks(image)
	b.leavesOut(at(b.Root, 0), at(b.Root, 1))
	b.lists(Reference{Digest: readme.Digest}, listed(sbom))
}

func weakReferences(b *builder) {
	image := b.right()
	sbom := b.sbom(image)
	elsewhere := digest.FromString("an image in another index")
	weak := mark(b.artifact("application/vnd.example.scan+json", `{"findings":0}`), elsewhere, "scan")
	b.root(weak, sbom, image)
	b.selects(image, at(b.Root, 2))
	b.asks(image)
	b.leavesOut(at(b.Root, 0), at(b.Root, 1))
	listedWeak := listed(weak)
	listedWeak.Weak = "yes"
	b.lists(listedWeak, listed(sbom))
}

func referencesToReferences(b *builder) {
	image := b.right()
	sbom := b.sbom(image)
	signature := annotate(b.signature(sbom), referenceDescription, "signs the SBOM")
	attestation := mark(b.artifact("application/vnd.in-toto+json", "{}"), signature.Digest, "attestation")
	b.root(attestation, signature, sbom, image)
	b.selects(image, at(b.Root, 3))
	b.asks(image)
	b.leavesOut(at(b.Root, 0), at(b.Root, 1), at(b.Root, 2))
	described := listed(signature)
	described.Description = "signs the SBOM"
	b.lists(listed(attestation), described, listed(sbom))
}

func cycleOfTwo(b *builder) {
	image := b.right()
	one := b.artifact("application/vnd.example.one+json", "{}")
	other := mark(b.artifact("application/vnd.example.other+json", "{}"), one.Digest, "other")
	one = mark(one, other.Digest, "one")
	b.root(one, other, image)
	b.selects(image, at(b.Root, 2))
	b.asks(image)
	b.leavesOut(at(b.Root, 0), at(b.Root, 1))
	b.lists(listed(one), listed(other))
}

func cycleOfOne(b *builder) {
	image := b.right()
	one := b.artifact("application/vnd.example.one+json", "{}")
	one = mark(one, one.Digest, "one")
	b.root(one, image)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut(at(b.Root, 0))
	b.lists(listed(one))
}

func cycleThroughIndex(b *builder) {
	image := b.right()
	artifact := b.artifact("application/vnd.example.one+json", "{}")
	inside := mark(artifact, image.Digest, "one")
	inner := b.index(inside, image)
	outside := mark(artifact, inner.Digest, "one")
	b.root(outside, inner)
	b.selects(image, at(b.Root, 1), at(inner, 1))
	b.asks(inner, image)
	b.leavesOut(at(b.Root, 0), at(inner, 0))
	b.lists(listed(outside), listed(inside))
}

func twoSources(b *builder) {
	image := b.right()
	sbom := annotate(b.sbom(image), "vnd.docker.reference.type", "attestation-manifest",
		"vnd.docker.reference.digest", image.Digest.String())
	b.root(sbom, image)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut(at(b.Root, 0))
	both := listed(sbom)
	both.Sources = []string{"index", "buildkit"}
	b.lists(both)
}

func typeDisagreement(b *builder) {
	image, foreign := b.right(), b.foreign()
	artifact := b.artifact("application/vnd.example.signature+json", "{}", func(manifest *ocispec.Manifest) {
		subject := bare(foreign)
		manifest.Subject = &subject
	})
	artifact = typed(mark(artifact, image.Digest, "sbom"), "application/spdx+json")
	b.root(artifact, image, foreign)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut(at(b.Root, 0))
	b.lists(listed(artifact))
}

func inlineSignatures(b *builder) {
	image, references := signInline(annotate(b.right(), "org.favorite.icecream", "banana"))
	b.root(image, b.foreign())
	b.selects(image, at(b.Root, 0))
	b.asks(image)
	b.leavesOut()
	b.lists(references...)
}

// signInline puts cosign's signatures into annotations of an image's descriptor, and tells how they are listed.
func signInline(image ocispec.Descriptor) (ocispec.Descriptor, []Reference) {
	keys := []string{
		"dev.cosignproject.cosign/signature.e59879c", "dev.sigstore.cosign/bundle.6436749",
		"dev.sigstore.cosign/certificate.776a3f1", "dev.sigstore.cosign/chain.8adf60e",
	}
	image = annotate(image, "org.opencontainers.signatures.index", strings.Join(keys, ","))
	var references []Reference
	for _, key := range keys {
		image = annotate(image, key, "bytes of "+key)
		references = append(references, Reference{Subject: image.Digest, Sources: []string{"annotation"}, Weak: "no", Annotation: key})
	}
	return image, references
}

func manyArtifacts(b *builder) {
	image := b.right()
	var entries []ocispec.Descriptor
	var references []Reference
	var left []Place
	for i := range 200 {
		artifact := b.artifact("application/vnd.example.scan+json", fmt.Sprintf(`{"scan":%d}`, i))
		artifact = mark(artifact, image.Digest, "scan")
		entries = append(entries, artifact)
		references = append(references, listed(artifact))
		left = append(left, Place{Position: uint32(i)})
	}
	b.root(append(entries, image)...)
	for i := range left {
		left[i].Document = b.Root.Digest
	}
	b.selects(image, at(b.Root, 200))
	b.asks(image)
	b.leavesOut(left...)
	b.lists(references...)
}

func missingMarked(b *builder) {
	image := b.right()
	sbom, signature := b.sbom(image), b.signature(image)
	b.absent(sbom)
	b.root(sbom, image, signature)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut(at(b.Root, 0), at(b.Root, 2))
	b.lists(listed(sbom), listed(signature))
}

func missingPlatformless(b *builder) {
	image := b.right()
	artifact := b.artifact("application/spdx+json", sbomText(b.Name, image))
	b.absent(artifact)
	b.root(artifact, image)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut(at(b.Root, 0))
}

func unknownAlgorithm(b *builder) {
	image := b.right()
	payload := encode(map[string]any{"schemaVersion": 2, "mediaType": ocispec.MediaTypeImageManifest, "layers": []any{}})
	artifact := mark(ocispec.Descriptor{
		MediaType: ocispec.MediaTypeImageManifest, Digest: digest.Digest("blake3:" + strings.Repeat("0123456789abcdef", 4)),
		Size: int64(len(payload)),
	}, image.Digest, "sbom")
	b.Blobs[artifact.Digest] = payload
	b.ServeBytes = true
	b.root(artifact, image)
	b.selects(image, at(b.Root, 1))
	b.asks(image)
	b.leavesOut(at(b.Root, 0))
	b.lists(listed(artifact))
}

func malformedReference(b *builder) {
	image := b.right()
	sbom := mark(b.artifact("application/spdx+json", sbomText(b.Name, image)), "sha256:NOT-A-DIGEST", "sbom")
	signature := b.signature(image)
	b.root(sbom, signature, image)
	b.selects(image, at(b.Root, 2))
	b.asks(image)
	b.leavesOut(at(b.Root, 0), at(b.Root, 1))
	b.lists(Reference{Digest: sbom.Digest, Malformed: "sha256:NOT-A-DIGEST", Type: "sbom", Sources: []string{"index"}}, listed(signature))
}

func imageArtifactType(b *builder) {
	image := typed(b.right(), ocispec.MediaTypeImageConfig)
	b.root(image, b.wrong("second"))
	b.selects(image, at(b.Root, 0))
	b.asks(image)
	b.leavesOut(at(b.Root, 1))
	b.lists()
}
