// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package producers

import (
	"testing"

	"github.com/opencontainers/go-digest"
)

// regctlPut attaches a file as regctl has it, and notes it.
func (b *bench) regctlPut(to digest.Digest, artifactType, name string, content []byte, kinds ...string) thing {
	b.t.Helper()
	printed := b.run("regctl", "artifact", "put", "--subject", b.by(to), "--artifact-type", artifactType, "--file", b.file(name, content),
		"--file-media-type", artifactType, "--format", "{{ .Manifest.GetDescriptor.Digest }}")
	made := thing{what: name + " by regctl", digest: digest.Digest(printed), subject: to, kinds: kinds, source: b.referrersSource()}
	if len(kinds) == 1 && kinds[0] == kindSBOM {
		made.sbom = content
	}
	b.attached(made)
	return made
}

func (b *bench) regctlPutAll() {
	b.t.Helper()
	sbom := b.regctlPut(shared.base.own, "application/vnd.cyclonedx+json", "own.cdx.json", cyclonedx, kindSBOM)
	b.regctlPut(shared.base.other, "application/spdx+json", "other.spdx.json", spdx, kindSBOM)
	b.regctlPut(shared.base.root, "application/vnd.openvex+json", "app.openvex.json", openvex, kindVEX)
	b.regctlPut(sbom.digest, "application/vnd.example.readme", "README", readme)
}

// TestRegctlArtifactPut: by subject.
func TestRegctlArtifactPut(t *testing.T) {
	everyPlace(t, func(t *testing.T, at *place) {
		b := newBench(t, at, "regctl artifact put", "regctl/put")
		b.regctlPutAll()
		b.readAll(b.tag("v1"))
	})
}

// regctlIndexAdd lists what is attached to the images in their index, too.
func (b *bench) regctlIndexAdd() {
	b.t.Helper()
	b.regctlPut(shared.base.own, "application/vnd.cyclonedx+json", "own.cdx.json", cyclonedx, kindSBOM)
	b.regctlPut(shared.base.other, "application/spdx+json", "other.spdx.json", spdx, kindSBOM)
	for i, one := range b.things {
		b.run("regctl", "index", "add", b.tag("v1"), "--ref", b.by(one.digest))
		b.things[i].source = "index"
	}
	b.roots = append(b.roots, b.digestOf("v1"))
}

// TestRegctlIndexAdd: entries without a subject, a type or a platform.
func TestRegctlIndexAdd(t *testing.T) {
	everyPlace(t, func(t *testing.T, at *place) {
		b := newBench(t, at, "regctl index add", "regctl/index")
		b.regctlIndexAdd()
		b.readAll(b.tag("v1"))
	})
}

// TestRegctlImageCopy: with referrers and with the tags that are made of digests.
func TestRegctlImageCopy(t *testing.T) {
	everyPlace(t, func(t *testing.T, at *place) {
		from := newBench(t, at, "regctl image copy", "regctl/copy/from")
		from.regctlPutAll()
		from.digestTagged()
		to := from.copied(at, "regctl/copy/to")
		to.run("regctl", "image", "copy", "--referrers", "--digest-tags", from.tag("v1"), to.tag("v1"))
		to.readAll(to.tag("v1"))
	})
}

// digestTagged puts an artifact under a tag that is made of an image's digest, with an ending that is not cosign's.
func (b *bench) digestTagged() {
	b.t.Helper()
	tag := "sha256-" + shared.base.own.Encoded() + ".meta"
	b.run("regctl", "artifact", "put", "--artifact-type", "application/vnd.example.readme", "--file", b.file("README", readme),
		"--file-media-type", "text/plain", b.tag(tag))
	b.attached(thing{what: "the artifact under " + tag, digest: b.digestOf(tag), subject: shared.base.own, source: "digest-tag", tag: true})
}

// TestRegctlDataInDescriptors: content that is put into descriptors is there a second time, and changes nothing.
func TestRegctlDataInDescriptors(t *testing.T) {
	everyPlace(t, func(t *testing.T, at *place) {
		b := newBench(t, at, "regctl image mod --data-max", "regctl/data")
		b.regctlIndexAdd()
		b.run("regctl", "image", "mod", b.tag("v1"), "--data-max", "4096", "--create", "v2")
		index := b.index("v2")
		withData := 0
		b.things = nil
		for _, entry := range index.Manifests {
			if len(entry.Data) > 0 {
				withData++
			}
			b.images = append(b.images, entry.Digest)
			if manifest := b.manifest(entry.Digest); manifest.Subject != nil {
				b.attached(thing{what: "an entry of " + manifest.ArtifactType, digest: entry.Digest, subject: manifest.Subject.Digest,
					kinds: []string{kindSBOM}, source: "index"})
			}
		}
		if withData == 0 || len(b.things) != 2 {
			t.Fatalf("%d entries have data, %d are artifacts: %s", withData, len(b.things), b.document("v2"))
		}
		// The artifacts are still about the image as it was, which the new index does not list.
		b.roots, b.own = append(b.roots, b.digestOf("v2")), index.Manifests[0].Digest
		b.readAll(b.tag("v2"))
	})
}
