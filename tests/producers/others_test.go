// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package producers

import (
	"encoding/json"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestCraneIndexAppend: entries as go-containerregistry describes them.
func TestCraneIndexAppend(t *testing.T) {
	everyPlace(t, func(t *testing.T, at *place) {
		b := newBench(t, at, "crane index append", "crane/index")
		b.orasAttach(shared.base.own, "application/spdx+json", "own.spdx.json", spdx, kindSBOM)
		b.regctlPut(shared.base.other, "application/vnd.cyclonedx+json", "other.cdx.json", cyclonedx, kindSBOM)
		b.listAll()
		b.readAll(b.tag("v2"))
	})
}

// TestSkopeoCopy: all that the index lists goes with it, and nothing that only refers to it.
func TestSkopeoCopy(t *testing.T) {
	everyPlace(t, func(t *testing.T, at *place) {
		from := newBench(t, at, "skopeo copy --all", "skopeo/from")
		from.orasAttach(shared.base.own, "application/spdx+json", "own.spdx.json", spdx, kindSBOM)
		from.orasAttach(shared.base.other, "application/vnd.openvex+json", "other.openvex.json", openvex, kindVEX)
		from.listAll()
		to := from.copied(at, "skopeo/to")
		to.run("skopeo", "--insecure-policy", "copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false",
			"docker://"+from.tag("v2"), "docker://"+to.tag("v2"))
		to.roots = append(to.roots, to.digestOf("v2")) // older versions write the index anew
		to.readAll(to.tag("v2"))
	})
}

// TestNotation: signatures in both of its formats.
func TestNotation(t *testing.T) {
	everyPlace(t, func(t *testing.T, at *place) {
		b := newBench(t, at, "notation", "notation")
		for format, image := range map[string]digest.Digest{"jws": shared.base.own, "cose": shared.base.root} {
			b.notation(format, image)
		}
		b.readAll(b.tag("v1"))
	})
}

func (b *bench) notation(format string, image digest.Digest) {
	b.t.Helper()
	made := b.newReferrer(image, func() { b.run("notation", "--format", format, b.by(image)) })
	b.attached(thing{what: "notation, " + format, digest: made, subject: image, kinds: []string{kindSignature}, source: b.referrersSource()})
}

// TestBuildxImagetoolsCreate: it gives each entry the platform that an image's configuration would tell of, so that artifacts come to
// have an operating system and no architecture.
func TestBuildxImagetoolsCreate(t *testing.T) {
	everyPlace(t, func(t *testing.T, at *place) {
		b := newBench(t, at, "buildx imagetools create", "buildx")
		b.orasAttach(shared.base.own, "application/spdx+json", "own.spdx.json", spdx, kindSBOM)
		b.regctlPut(shared.base.other, "application/vnd.cyclonedx+json", "other.cdx.json", cyclonedx, kindSBOM)
		index := b.index("v1")
		for i, one := range b.things {
			index.Manifests = append(index.Manifests, ocispec.Descriptor{
				MediaType: ocispec.MediaTypeImageManifest, Digest: one.digest, Size: int64(len(b.document(one.digest.String()))),
				Platform: &ocispec.Platform{OS: "linux"},
			})
			b.things[i].source = "index"
		}
		b.push("v2", index)
		b.readAll(b.tag("v2"))
	})
}

// push stores an index under a tag.
func (b *bench) push(tag string, index ocispec.Index) {
	b.t.Helper()
	text, err := json.Marshal(index)
	if err != nil {
		b.t.Fatal(err)
	}
	b.run("oras", "manifest", "push", "--plain-http", "--media-type", index.MediaType, b.tag(tag), b.file("index.json", text))
	b.roots = append(b.roots, b.digestOf(tag))
}

// TestSOCIConvert: an entry with a SOCI index for each image; both name each other in annotations. Images that have their layers in
// common have the same SOCI index, which is then attached to each of them.
func TestSOCIConvert(t *testing.T) {
	everyPlace(t, func(t *testing.T, at *place) {
		b := newBench(t, at, "soci convert v2", "soci")
		index := b.index("v1")
		for i, image := range index.Manifests {
			made := b.sociIndex(image)
			index.Manifests[i].Annotations = map[string]string{"com.amazon.soci.index-digest": made.Digest.String()}
			index.Manifests = append(index.Manifests, made)
			b.attached(thing{what: "a SOCI index", digest: made.Digest, subject: image.Digest, kinds: []string{kindSOCI}, source: "soci"})
		}
		b.push("v2", index)
		b.readAll(b.tag("v2"))
	})
}

const (
	sociIndexType = "application/vnd.amazon.soci.index.v2+json"
	sociLayerType = "application/octet-stream"
)

// sociIndex stores a SOCI index of an image as `soci convert` writes it.
func (b *bench) sociIndex(image ocispec.Descriptor) ocispec.Descriptor {
	b.t.Helper()
	layer := b.manifest(image.Digest).Layers[0]
	ztoc := []byte("a table of contents of " + layer.Digest.String())
	for _, content := range [][]byte{ztoc, []byte("{}")} {
		b.run("oras", "blob", "push", "--plain-http", b.repo+"@"+digest.FromBytes(content).String(), b.file("blob", content))
	}
	manifest := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: sociIndexType,
		Config: ocispec.Descriptor{MediaType: sociIndexType, Digest: digest.FromString("{}"), Size: 2},
		Layers: []ocispec.Descriptor{{MediaType: sociLayerType, Digest: digest.FromBytes(ztoc), Size: int64(len(ztoc)),
			Annotations: map[string]string{"com.amazon.soci.image-layer-digest": layer.Digest.String(), "com.amazon.soci.image-layer-mediaType": layer.MediaType}}},
		Annotations: map[string]string{"com.amazon.soci.build-tool-identifier": "AWS SOCI CLI v0.2"},
	}
	text, err := json.Marshal(manifest)
	if err != nil {
		b.t.Fatal(err)
	}
	made := digest.FromBytes(text)
	b.run("oras", "manifest", "push", "--plain-http", "--media-type", manifest.MediaType, b.by(made), b.file("soci.json", text))
	return ocispec.Descriptor{
		MediaType: manifest.MediaType, ArtifactType: sociIndexType, Digest: made, Size: int64(len(text)), Platform: image.Platform,
		Annotations: map[string]string{"com.amazon.soci.image-manifest-digest": image.Digest.String()},
	}
}
