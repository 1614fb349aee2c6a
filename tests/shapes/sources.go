// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// EverySource is an image for this machine with references of every source that there is, and those references, each with all the
// sources by which it is found. The shape's own expectations are those of a walk, which reads the root and nothing beside it.
//
//	v1                            the root: the image and what is attached to it by Proposal F, in annotations, by BuildKit and SOCI
//	sha256-<root>                 Proposal F's index under the root's digest tag: the root, its images again, and a scan of the root
//	sha256-<root>.<16 digits>     the same with a suffix: a licence of the image, and an SBOM that is in the root, too
//	sha256-<image>                a referrers fallback tag: two of the three artifacts whose subject is the image
//	sha256-<image>.sig .att .sbom cosign's
//	untagged                      further artifacts with a subject: the image, the root, or another such artifact
//
// Documents are pushed after the root here; do not change it with WithRoot.
func EverySource() (Shape, []Reference) {
	var all []Reference
	shape := entry{"every-source", "references of every source, some found by two", func(b *builder) {
		all = b.everySource()
	}}.build(machine())
	return shape, all
}

// WithoutSource returns the references as they are found if that source is not looked at, or not there.
func WithoutSource(references []Reference, source string) []Reference {
	var left []Reference
	for _, reference := range references {
		reference.Sources = slices.DeleteFunc(slices.Clone(reference.Sources), func(one string) bool { return one == source })
		if len(reference.Sources) > 0 {
			left = append(left, reference)
		}
	}
	return left
}

func (b *builder) everySource() []Reference {
	image, foreign := b.right(), b.foreign()
	plain := image
	sociIndex := b.sociIndex(image)
	image, signatures := signInline(annotate(image, "com.amazon.soci.index-digest", sociIndex.Digest.String()))
	attestation, sbom := b.attestation(image), b.sbom(image)
	signature := b.signature(sbom)
	b.root(image, foreign, sociIndex, attestation, sbom, signature)
	b.selects(image, at(b.Root, 0))
	b.asks(image)
	b.leavesOut(at(b.Root, 2), at(b.Root, 4), at(b.Root, 5))
	b.lists(append(signatures,
		Reference{Digest: sociIndex.Digest, Subject: image.Digest, Type: sociType, Sources: []string{"soci"}, Weak: "no"},
		Reference{Digest: attestation.Digest, Subject: image.Digest, Type: "attestation-manifest", Sources: []string{"buildkit"}, Weak: "no"},
		listed(sbom), listed(signature))...)
	all := slices.Clone(b.Expect.References)

	scan := mark(b.artifact("application/vnd.example.scan+json", `{"scan":"of the root"}`), b.Root.Digest, "scan")
	licence := mark(b.artifact("application/vnd.example.licence+json", `{"licence":"Apache-2.0"}`), image.Digest, "licence")
	b.DigestTags[digestTag(b.Root)] = b.index(b.Root, plain, foreign, scan).Digest
	b.DigestTags[digestTag(b.Root)+".0123456789abcdef"] = b.index(b.Root, plain, foreign, licence, sbom).Digest
	for i := range all {
		if all[i].Digest == sbom.Digest {
			all[i].Sources = []string{"index", "digest-tag"}
		}
	}
	for _, artifact := range []ocispec.Descriptor{scan, licence} {
		one := listed(artifact)
		one.Sources = []string{"digest-tag"}
		all = append(all, one)
	}

	provenance, vex := b.referrer("application/vnd.example.provenance+json", plain), b.referrer("application/vnd.example.vex+json", plain)
	b.DigestTags[digestTag(plain)] = b.index(provenance, vex).Digest
	for _, one := range []struct {
		artifact, subject ocispec.Descriptor
		sources           []string
	}{
		{provenance, plain, []string{"referrers-api", "referrers-tag"}},
		{vex, plain, []string{"referrers-api", "referrers-tag"}},
		{b.referrer("application/vnd.example.advisory+json", plain), plain, []string{"referrers-api"}},
		{b.referrer("application/vnd.example.audit+json", b.Root), b.Root, []string{"referrers-api"}},
		{b.referrer("application/vnd.example.countersignature+json", provenance), provenance, []string{"referrers-api"}},
	} {
		all = append(all, Reference{Digest: one.artifact.Digest, Subject: one.subject.Digest, Type: one.artifact.ArtifactType, Sources: one.sources, Weak: "no"})
	}
	for _, one := range []struct{ suffix, layerType string }{
		{"sig", "application/vnd.dev.cosign.simplesigning.v1+json"},
		{"att", "application/vnd.dsse.envelope.v1+json"},
		{"sbom", "text/spdx+json"},
	} {
		made := b.cosign(one.suffix, one.layerType, plain)
		b.DigestTags[digestTag(plain)+"."+one.suffix] = made.Digest
		all = append(all, Reference{Digest: made.Digest, Subject: plain.Digest, Sources: []string{"cosign-tag"}, Weak: "no"})
	}
	return all
}

// referrer adds an artifact with a subject (image-spec 1.1). It is described as in a referrers list.
func (b *builder) referrer(artifactType string, subject ocispec.Descriptor) ocispec.Descriptor {
	annotations := map[string]string{ocispec.AnnotationCreated: "2025-01-02T03:04:05Z"}
	artifact := b.artifact(artifactType, fmt.Sprintf(`{"about":%q}`, subject.Digest), func(manifest *ocispec.Manifest) {
		manifest.Subject = &ocispec.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size}
		manifest.Annotations = annotations
	})
	artifact.Annotations = annotations
	return typed(artifact, artifactType)
}

// cosign adds what cosign (before version 3) pushes under a tag of its own: an image manifest by its config, which is no image.
func (b *builder) cosign(what, layerType string, subject ocispec.Descriptor) ocispec.Descriptor {
	manifest := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest}
	manifest.SchemaVersion = 2
	payload := b.blob(layerType, []byte(fmt.Sprintf(`{"cosign":%q,"of":%q}`, what, subject.Digest)))
	if what == "sig" {
		payload = annotate(payload, "dev.cosignproject.cosign/signature", "bytes of a signature")
	}
	manifest.Layers = []ocispec.Descriptor{payload}
	manifest.Config = b.blob(ocispec.MediaTypeImageConfig, encode(ocispec.Image{
		RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{payload.Digest}},
	}))
	return b.document(manifest.MediaType, encode(manifest))
}

// digestTag is the tag for what is about a manifest, as Proposal F and OCI's referrers fallback have it.
func digestTag(subject ocispec.Descriptor) string {
	return subject.Digest.Algorithm().String() + "-" + subject.Digest.Encoded()
}
