// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package producers

import (
	"testing"

	"github.com/opencontainers/go-digest"
)

// attach attaches a file as oras has it, and notes it.
func (b *bench) orasAttach(to digest.Digest, artifactType, name string, content []byte, kinds ...string) thing {
	b.t.Helper()
	printed := b.run("oras", "attach", "--plain-http", "--format", "json", "--artifact-type", artifactType, b.by(to), b.file(name, content)+":"+artifactType)
	made := thing{
		what: name + " by oras", digest: decode[struct{ Digest digest.Digest }](b.t, []byte(printed)).Digest, subject: to,
		kinds: kinds, source: b.referrersSource(),
	}
	if len(kinds) == 1 && kinds[0] == kindSBOM {
		made.sbom = content
	}
	b.attached(made)
	return made
}

// orasAttachAll attaches what people attach: to the index, to both images, and to what is attached.
func (b *bench) orasAttachAll() {
	b.t.Helper()
	own, other, root := shared.base.own, shared.base.other, shared.base.root
	sbom := b.orasAttach(own, "application/spdx+json", "own.spdx.json", spdx, kindSBOM)
	b.orasAttach(other, "application/vnd.cyclonedx+json", "other.cdx.json", cyclonedx, kindSBOM)
	b.orasAttach(root, "application/sarif+json", "scan.sarif", sarif, kindVulnerabilities)
	b.orasAttach(root, "application/vnd.openvex+json", "app.openvex.json", openvex, kindVEX)
	b.orasAttach(own, "application/vnd.example.readme", "README", readme)
	b.orasAttach(sbom.digest, "application/vnd.cncf.notary.signature", "sbom.sig", []byte("a signature of the SBOM"), kindSignature)
}

// TestOrasAttach: by subject, to the index, its images and what is attached to them.
func TestOrasAttach(t *testing.T) {
	everyPlace(t, func(t *testing.T, at *place) {
		b := newBench(t, at, "oras attach", "oras/attach")
		b.orasAttachAll()
		b.readAll(b.tag("v1"))
	})
}

// TestOrasIndexCreate: an index of images and artifacts, whose entries say nothing of their subjects; the manifests do.
func TestOrasIndexCreate(t *testing.T) {
	everyPlace(t, func(t *testing.T, at *place) {
		b := newBench(t, at, "oras manifest index create", "oras/index")
		b.orasAttach(shared.base.own, "application/spdx+json", "own.spdx.json", spdx, kindSBOM)
		b.orasAttach(shared.base.other, "application/vnd.cyclonedx+json", "other.cdx.json", cyclonedx, kindSBOM)
		arguments := []string{"manifest", "index", "create", "--plain-http", b.tag("v2"), shared.base.own.String(), shared.base.other.String()}
		for i, one := range b.things {
			arguments = append(arguments, one.digest.String())
			b.things[i].source = "index"
		}
		b.run("oras", arguments...)
		b.roots = append(b.roots, b.digestOf("v2"))
		b.readAll(b.tag("v2"))
	})
}

// TestOrasCopy: to another repository, with everything that refers to it.
func TestOrasCopy(t *testing.T) {
	everyPlace(t, func(t *testing.T, at *place) {
		from := newBench(t, at, "oras cp -r", "oras/copy/from")
		from.orasAttachAll()
		to := from.copied(at, "oras/copy/to")
		to.run("oras", "cp", "--recursive", "--from-plain-http", "--to-plain-http", from.tag("v1"), to.tag("v1"))
		to.readAll(to.tag("v1"))
	})
}

// TestOrasRestore: what was backed up with its referrers and restored elsewhere.
func TestOrasRestore(t *testing.T) {
	everyPlace(t, func(t *testing.T, at *place) {
		from := newBench(t, at, "oras backup, restore", "oras/backup")
		from.orasAttachAll()
		from.run("oras", "backup", "--plain-http", "--include-referrers", "--output", "kept", from.tag("v1"))
		to := from.copied(at, "oras/restored")
		to.run("oras", "restore", "--plain-http", "--input", "kept", to.tag("v1"))
		to.readAll(to.tag("v1"))
	})
}
