// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package producers

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// signing is one way by which an image has come to be signed, or only looks so.
type signing struct {
	name   string
	signed bool
	make   func(b *bench) (tag string)
}

var signings = []signing{
	{"cosign's tag", true, func(b *bench) string { b.signTag(shared.base.own); return "v1" }},
	{"cosign's tag of the index", true, func(b *bench) string { b.signTag(shared.base.root); return "v1" }},
	{"a bundle by its subject", true, func(b *bench) string { b.signBundle(shared.base.own); return "v1" }},
	{"a bundle about the index", true, func(b *bench) string { b.signBundle(shared.base.root); return "v1" }},
	{"a bundle in the index", true, func(b *bench) string { b.signBundle(shared.base.own); b.listAll(); return "v2" }},
	{"a bundle with a message's signature", true, func(b *bench) string { b.signMessage(shared.base.own); return "v1" }},
	{"cosign's oci-1-1", true, func(b *bench) string {
		b.cosign("sign", true, []string{"--registry-referrers-mode=oci-1-1"}, shared.base.own)
		return "v1"
	}},
	{"notation's JWS", true, func(b *bench) string { b.notation("jws", shared.base.own); return "v1" }},
	{"notation's COSE", true, func(b *bench) string { b.notation("cose", shared.base.own); return "v1" }},
	{"an annotation with a signature", true, func(b *bench) string { return b.inline("MEUCIQDsignature") }},

	{"nothing", false, func(*bench) string { return "v1" }},
	{"a bundle that attests an SBOM", false, func(b *bench) string { b.attestBundle(shared.base.own, 0); return "v1" }},
	{"a bundle that attests provenance", false, func(b *bench) string { b.attestBundle(shared.base.root, 2); return "v1" }},
	{"a bundle in the index that attests an SBOM", false, func(b *bench) string { b.attestBundle(shared.base.own, 0); b.listAll(); return "v2" }},
	{"cosign's tag of attestations", false, func(b *bench) string { b.attestTag(shared.base.own, predicates[0].name); return "v1" }},
	{"an annotation with an empty signature", false, func(b *bench) string { return b.inline("") }},
	{"a signature of another platform's image", false, func(b *bench) string { b.signTag(shared.base.other); return "v1" }},
	{"a bundle of another platform's image", false, func(b *bench) string { b.signBundle(shared.base.other); return "v1" }},
	{"a bundle of another platform's image in the index", false, func(b *bench) string {
		b.signBundle(shared.base.other)
		b.listAll()
		return "v2"
	}},
	{"a bundle of another platform's image under this one's tag", false, func(b *bench) string {
		b.signBundle(shared.base.other)
		b.mislead()
		return "v1"
	}},
	{"notation's signature of another platform's image", false, func(b *bench) string { b.notation("jws", shared.base.other); return "v1" }},
	{"a signature of the SBOM", false, func(b *bench) string {
		sbom := b.orasAttach(shared.base.own, "application/spdx+json", "own.spdx.json", spdx, kindSBOM)
		b.signBundle(sbom.digest)
		return "v1"
	}},
}

// mislead lists the only thing that is attached under the tag of the image that a node here pulls, whatever it is about.
func (b *bench) mislead() {
	b.t.Helper()
	d := b.things[0].digest
	bundle := b.document(d.String())
	b.push(strings.Replace(shared.base.own.String(), ":", "-", 1), ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{{
			MediaType: ocispec.MediaTypeImageManifest, ArtifactType: decode[ocispec.Manifest](b.t, bundle).ArtifactType,
			Digest: d, Size: int64(len(bundle)),
		}},
	})
}

// signMessage attaches a bundle of the other form, which signs bytes and not a statement.
func (b *bench) signMessage(image digest.Digest) {
	b.t.Helper()
	const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"
	b.run("cosign", "sign-blob", "--key", shared.keys.private, "--tlog-upload=false", "--use-signing-config=false", "--yes",
		"--bundle", "bundle.json", b.file("manifest.json", b.document(image.String())))
	b.run("oras", "attach", "--plain-http", "--artifact-type", bundleType, "--annotation", "dev.sigstore.bundle.content=message-signature",
		b.by(image), "bundle.json:"+bundleType)
}

// inline puts a signature into annotations of the image's own entry.
func (b *bench) inline(signature string) string {
	b.t.Helper()
	index := b.index("v1")
	for i, entry := range index.Manifests {
		if entry.Digest == shared.base.own {
			index.Manifests[i].Annotations = map[string]string{"dev.cosignproject.cosign/signature": signature}
		}
	}
	b.push("v2", index)
	return "v2"
}

// TestRequiredSignature: a node that requires one takes every form of it, and nothing that is none, or that signs something else.
func TestRequiredSignature(t *testing.T) {
	everyPlace(t, func(t *testing.T, at *place) {
		for _, way := range signings {
			t.Run(way.name, func(t *testing.T) {
				repository := "signed/" + strings.ToLower(strings.NewReplacer(" ", "-", "'", "").Replace(way.name))
				b := newBench(t, at, "required", repository)
				image := b.tag(way.make(b))
				err := shared.node.Pull(t.Context(), "required-"+strings.ReplaceAll(repository, "/", "-"), image)
				switch {
				case way.signed && err != nil:
					t.Errorf("%s is no signature for it: %v", way.name, err)
				case !way.signed && err == nil:
					t.Errorf("%s passes for a signature", way.name)
				case !way.signed && !strings.Contains(err.Error(), "requires: signature"):
					t.Errorf("%s is refused for another reason: %v", way.name, err)
				}
			})
		}
	})
}
