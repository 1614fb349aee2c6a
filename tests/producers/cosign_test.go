// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package producers

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// cosignKeys is a pair of keys without a password.
type cosignKeys struct{ private string }

func (k *cosignKeys) make(dir string) error {
	k.private = filepath.Join(dir, "cosign.key")
	_, err := runIn(context.Background(), dir, []string{"HOME=" + dir, "COSIGN_PASSWORD="}, "cosign", "generate-key-pair")
	return err
}

// offline are the flags by which cosign asks nothing of public services.
func offline(flags ...string) []string {
	return append([]string{"--key", shared.keys.private, "--tlog-upload=false", "--use-signing-config=false", "--allow-http-registry", "--yes"}, flags...)
}

// cosign runs it, with the old forms if old is set: tags in place of bundles.
func (b *bench) cosign(command string, old bool, flags []string, image digest.Digest) {
	b.t.Helper()
	arguments := append([]string{command}, offline(flags...)...)
	if old {
		arguments = append(arguments, "--new-bundle-format=false")
	}
	b.run("cosign", append(arguments, b.by(image))...)
}

// predicates are what is attested, as cosign names it.
var predicates = []struct {
	name    string // for --type
	uri     string
	content []byte
	kinds   []string
}{
	{"spdxjson", "https://spdx.dev/Document", spdx, []string{kindAttestation, kindSBOM}},
	{"cyclonedx", "https://cyclonedx.org/bom", cyclonedx, []string{kindAttestation, kindSBOM}},
	{"slsaprovenance1", "https://slsa.dev/provenance/v1", provenance, []string{kindAttestation, kindProvenance}},
	{"slsaprovenance", "https://slsa.dev/provenance/v0.2", oldSLSA, []string{kindAttestation, kindProvenance}},
	{"vuln", "https://cosign.sigstore.dev/attestation/vuln/v1", vulnReport, []string{kindAttestation, kindVulnerabilities}},
	{"openvex", "https://openvex.dev/ns", openvex, []string{kindAttestation, kindVEX}},
	{"custom", "https://cosign.sigstore.dev/attestation/v1", []byte(`{"tested":true}`), []string{kindAttestation}},
}

const predicateKey = "dev.sigstore.bundle.predicateType"

// bundle notes what cosign attaches in its default form, and looks that it is one.
func (b *bench) bundle(what, predicate string, kinds []string, image digest.Digest, attach func()) {
	b.t.Helper()
	made := b.newReferrer(image, attach)
	manifest := b.manifest(made)
	if got := manifest.Annotations[predicateKey]; got != predicate || len(manifest.Layers) != 1 {
		b.t.Fatalf("%s: the predicate is %q, want %q: %s", what, got, predicate, b.document(made.String()))
	}
	one := thing{what: what, digest: made, subject: image, kinds: kinds, source: b.referrersSource()}
	if slices.Contains(kinds, kindSBOM) {
		one.sbom = b.blob(manifest.Layers[0].Digest)
	}
	b.attached(one)
}

// blob are the bytes of a layer.
func (b *bench) blob(d digest.Digest) []byte {
	b.t.Helper()
	content := b.ask("/blobs/" + d.String())
	if digest.FromBytes(content) != d {
		b.t.Fatalf("%s holds no %s", b.repo, d)
	}
	return content
}

const signPredicate = "https://sigstore.dev/cosign/sign/v1"

func (b *bench) signBundle(image digest.Digest) {
	b.t.Helper()
	b.bundle("cosign sign", signPredicate, []string{kindSignature}, image, func() { b.cosign("sign", false, nil, image) })
}

func (b *bench) attestBundle(image digest.Digest, number int) {
	b.t.Helper()
	of := predicates[number]
	flags := []string{"--type", of.name, "--predicate", b.file(of.name+".json", of.content)}
	b.bundle("cosign attest --type "+of.name, of.uri, of.kinds, image, func() { b.cosign("attest", false, flags, image) })
}

// TestCosignBundles: what cosign 3 does by default. One type for all; an annotation of the manifest tells them apart.
func TestCosignBundles(t *testing.T) {
	everyPlace(t, func(t *testing.T, at *place) {
		b := newBench(t, at, "cosign bundles", "cosign/bundles")
		b.signBundle(shared.base.root)
		b.signBundle(shared.base.own)
		for number := range predicates {
			b.attestBundle([]digest.Digest{shared.base.own, shared.base.other, shared.base.root}[number%3], number)
		}
		b.readAll(b.tag("v1"))
	})
}

// TestCosignTags: the form before bundles. All attestations of an image are layers of one manifest.
func TestCosignTags(t *testing.T) {
	everyPlace(t, func(t *testing.T, at *place) {
		b := newBench(t, at, "cosign tags", "cosign/tags")
		b.signTag(shared.base.root)
		b.signTag(shared.base.own)
		b.attestTag(shared.base.own, predicates[0].name, predicates[2].name)
		b.attestTag(shared.base.other, predicates[4].name)
		b.run("cosign", "attach", "sbom", "--allow-http-registry", "--sbom", b.file("own.spdx.json", spdx), "--type", "spdx", "--input-format", "json", b.by(shared.base.own))
		sbom := thing{what: "cosign attach sbom", subject: shared.base.own, kinds: []string{kindSBOM}, source: "cosign-tag", sbom: spdx}
		sbom.digest = b.digestOf(cosignTagOf(shared.base.own, "sbom"))
		b.attached(sbom)
		b.readAll(b.tag("v1"))
	})
}

func cosignTagOf(image digest.Digest, ending string) string {
	return strings.Replace(image.String(), ":", "-", 1) + "." + ending
}

func (b *bench) signTag(image digest.Digest) {
	b.t.Helper()
	b.cosign("sign", true, nil, image)
	b.attached(thing{what: "cosign sign, old form", digest: b.digestOf(cosignTagOf(image, "sig")), subject: image,
		kinds: []string{kindSignature}, source: "cosign-tag"})
}

// attestTag attests several things of an image, which come to be layers of one manifest.
func (b *bench) attestTag(image digest.Digest, names ...string) {
	b.t.Helper()
	one := thing{what: "cosign attest, old form", subject: image, source: "cosign-tag"}
	for _, of := range predicates {
		if !slices.Contains(names, of.name) {
			continue
		}
		b.cosign("attest", true, []string{"--type", of.name, "--predicate", b.file(of.name+".json", of.content)}, image)
		for _, kind := range of.kinds {
			if !slices.Contains(one.kinds, kind) {
				one.kinds = append(one.kinds, kind)
			}
		}
	}
	one.digest = b.digestOf(cosignTagOf(image, "att"))
	for _, layer := range b.manifest(one.digest).Layers {
		if of := layer.Annotations["predicateType"]; of == predicates[0].uri || of == predicates[1].uri {
			one.sbom = b.blob(layer.Digest)
		}
	}
	b.attached(one)
}

// TestCosignOCI11: its experiment with subjects before there were bundles.
func TestCosignOCI11(t *testing.T) {
	everyPlace(t, func(t *testing.T, at *place) {
		b := newBench(t, at, "cosign oci-1-1", "cosign/oci11")
		for _, image := range []digest.Digest{shared.base.root, shared.base.own} {
			made := b.newReferrer(image, func() {
				b.cosign("sign", true, []string{"--registry-referrers-mode=oci-1-1"}, image)
			})
			b.attached(thing{what: "cosign sign, oci-1-1", digest: made, subject: image, kinds: []string{kindSignature}, source: b.referrersSource()})
		}
		made := b.newReferrer(shared.base.own, func() {
			b.run("cosign", "attach", "sbom", "--allow-http-registry", "--registry-referrers-mode=oci-1-1", "--sbom", b.file("own.spdx.json", spdx),
				"--type", "spdx", "--input-format", "json", b.by(shared.base.own))
		})
		b.attached(thing{what: "cosign attach sbom, oci-1-1", digest: made, subject: shared.base.own, kinds: []string{kindSBOM},
			source: b.referrersSource(), sbom: spdx})
		b.readAll(b.tag("v1"))
	})
}

// TestCosignMixed: an image that was signed before and after the change of forms.
func TestCosignMixed(t *testing.T) {
	everyPlace(t, func(t *testing.T, at *place) {
		b := newBench(t, at, "cosign bundles and tags", "cosign/mixed")
		b.signTag(shared.base.own)
		b.signBundle(shared.base.own)
		b.attestBundle(shared.base.own, 0)
		b.attestTag(shared.base.own, predicates[1].name)
		b.readAll(b.tag("v1"))
	})
}

// TestCosignBundleInIndex: bundles that are entries of the image's own index, by the type that cosign gives them.
func TestCosignBundleInIndex(t *testing.T) {
	everyPlace(t, func(t *testing.T, at *place) {
		b := newBench(t, at, "cosign bundles in the index", "cosign/listed")
		b.signBundle(shared.base.own)
		b.attestBundle(shared.base.own, 0)
		b.listAll()
		b.readAll(b.tag("v2"))
	})
}

// listAll makes, under the tag v2, an index of the images and of what is attached, by crane.
func (b *bench) listAll() {
	b.t.Helper()
	arguments := []string{"index", "append", "--insecure", b.tag("v1"), "--tag", b.tag("v2")}
	for i, one := range b.things {
		arguments = append(arguments, "--manifest", b.by(one.digest))
		b.things[i].source = "index"
	}
	b.run("crane", arguments...)
	b.roots = append(b.roots, b.digestOf("v2"))
}
