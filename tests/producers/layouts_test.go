// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package producers

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// withReferrers is the registry that layouts are made from: what kind it is does not matter there.
func withReferrers() *place {
	return shared.places[slices.IndexFunc(shared.places, func(at *place) bool { return at.api })]
}

// layout is a folder that a producer writes for the image of a bench.
type layout struct {
	*bench
	folder string
}

// written is the layout that a producer writes in the bench's folder; things are found there by looking at all that has a subject.
func (b *bench) written(name, folder string) *layout {
	in := *b
	in.name, in.things = name, slices.Clone(b.things)
	return &layout{&in, filepath.Join(b.dir, folder)}
}

// read reads a tag of the layout by every reader that knows layouts. What has a subject is found by that, or by a tag that stands in
// for the API where the producer wrote one.
func (l *layout) read(tag, source string) {
	l.t.Helper()
	l.table("made", len(l.things))
	for i, one := range l.things {
		if !inIndex(one) && one.source != "cosign-tag" && one.source != "digest-tag" {
			l.things[i].source = source
		}
	}
	image := "oci:" + l.folder + ":" + tag
	listed := decode[documents](l.t, l.refractBytes("--output", "json", "references", "ls", image))
	l.table("refract", l.compare("refract", listed.References, l.things))
	l.getSBOMs(image)
	for reader, arguments := range map[string][]string{
		"regctl": {"artifact", "tree", "--digest-tags", "ocidir://" + l.folder + ":" + tag},
		"oras":   {"discover", "--oci-layout", "--format", "json", l.folder + ":" + tag},
	} {
		shown, err := runIn(l.t.Context(), l.dir, l.environment(), reader, arguments...)
		if err != nil {
			l.t.Errorf("%s: %v", l.name, err)
			continue
		}
		l.compareWith(reader, string(shown))
	}
}

// compareWith counts what another reader shows. What of it was not attached must have no subject.
func (l *layout) compareWith(reader, shown string) {
	l.t.Helper()
	seen := map[digest.Digest]bool{}
	for _, text := range anyDigest.FindAllString(shown, -1) {
		d := digest.Digest(text)
		if slices.ContainsFunc(l.things, func(one thing) bool { return one.digest == d }) {
			seen[d] = true
		} else if decode[ocispec.Manifest](l.t, l.blobOf(d)).Subject != nil {
			l.t.Errorf("%s: %s shows %s, of which this test does not know", l.name, reader, d)
		}
	}
	l.table(reader, len(seen))
}

// blobOf are the bytes of something in the layout.
func (l *layout) blobOf(d digest.Digest) []byte {
	l.t.Helper()
	text, err := os.ReadFile(filepath.Join(l.folder, "blobs", d.Algorithm().String(), d.Encoded()))
	if err != nil {
		l.t.Fatal(err)
	}
	return text
}

// TestOrasLayouts: copies and backups into folders.
func TestOrasLayouts(t *testing.T) {
	b := newBench(t, withReferrers(), "oras attach", "layouts/oras")
	b.orasAttachAll()
	b.run("oras", "cp", "--recursive", "--from-plain-http", "--to-oci-layout", b.tag("v1"), "copied:v1")
	b.written("oras cp -r to a layout", "copied").read("v1", "referrers-api")
	b.run("oras", "backup", "--plain-http", "--include-referrers", "--output", "kept", b.tag("v1"))
	b.written("oras backup", "kept").read("v1", "referrers-api")
}

// TestRegctlLayouts: with referrers and digest tags, from a registry; and one whose digests are longer.
func TestRegctlLayouts(t *testing.T) {
	b := newBench(t, withReferrers(), "regctl image copy", "layouts/regctl")
	b.regctlPutAll()
	b.digestTagged()
	b.run("regctl", "image", "copy", "--referrers", "--digest-tags", b.tag("v1"), "ocidir://copied:v1")
	b.written("regctl layout", "copied").read("v1", "referrers-tag")

	b.run("regctl", "image", "mod", "ocidir://copied:v1", "--digest-algo", "sha512", "--create", "ocidir://long:v1")
	long := b.written("regctl layout, sha512", "long")
	long.things = nil
	root := digestOfTag(t, long.folder, "v1")
	if root.Algorithm() != digest.SHA512 {
		t.Fatalf("the layout's root is %s", root)
	}
	printed := b.run("regctl", "artifact", "put", "--subject", "ocidir://long:v1", "--artifact-type", "application/spdx+json", "--file", b.file("long.spdx.json", spdx),
		"--file-media-type", "application/spdx+json", "--format", "{{ .Manifest.GetDescriptor.Digest }}")
	long.attached(thing{what: "an SBOM in a layout with sha512", digest: digest.Digest(printed), subject: root, kinds: []string{kindSBOM}, sbom: spdx})
	// The tag that stands in for the API has but the half of such a digest: found by it or by its subject, it is found.
	long.read("v1", "")
}

// digestOfTag is what a layout's index.json says.
func digestOfTag(t *testing.T, folder, tag string) digest.Digest {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range decode[ocispec.Index](t, text).Manifests {
		if entry.Annotations[ocispec.AnnotationRefName] == tag {
			return entry.Digest
		}
	}
	t.Fatalf("%s has no tag %q", folder, tag)
	return ""
}

// TestSkopeoLayout: the index with all that it lists.
func TestSkopeoLayout(t *testing.T) {
	b := newBench(t, withReferrers(), "skopeo copy --all", "layouts/skopeo")
	b.orasAttach(shared.base.own, "application/spdx+json", "own.spdx.json", spdx, kindSBOM)
	b.attestBundle(shared.base.other, 1)
	b.listAll()
	b.run("skopeo", "--insecure-policy", "copy", "--all", "--src-tls-verify=false", "docker://"+b.tag("v2"), "oci:copied:v2")
	b.written("skopeo copy --all to a layout", "copied").read("v2", "index")
}

// TestCosignSave: layouts whose entries are told apart by an annotation only, and bundles that no entry leads to.
func TestCosignSave(t *testing.T) {
	b := newBench(t, withReferrers(), "cosign save", "layouts/cosign")
	b.signTag(shared.base.root)
	b.attestTag(shared.base.root, predicates[0].name, predicates[2].name)
	b.attestBundle(shared.base.root, 3)
	b.run("cosign", "save", "--allow-http-registry", "--dir", "saved", b.tag("v1"))
	saved := b.written("cosign save", "saved")
	image := "oci:" + saved.folder
	saved.table("made", len(saved.things))
	listed := decode[documents](t, saved.refractBytes("--output", "json", "references", "ls", image))
	found := 0
	for _, one := range saved.things {
		rows := slices.DeleteFunc(slices.Clone(listed.References), func(row reference) bool { return row.Digest != one.digest })
		if len(rows) != 1 || rows[0].Subject != one.subject || !equalSets(rows[0].Kinds, one.kinds) {
			t.Errorf("cosign save: %s (%s) is in the rows %v, want one about %s with the kinds %q", one.what, short(one.digest), rows, short(one.subject), one.kinds)
		} else {
			found++
		}
	}
	saved.table("refract", found)
}

// TestBuildKitLayouts: what BuildKit writes with an SBOM and provenance, as a layout and copied into a registry.
func TestBuildKitLayouts(t *testing.T) {
	for _, name := range []string{"artifact", "image"} {
		t.Run(name, func(t *testing.T) {
			folder, err := filepath.Abs(filepath.Join("testdata", "buildkit-"+name))
			if err != nil {
				t.Fatal(err)
			}
			b := &bench{t: t, at: withReferrers(), name: "buildkit, attestations as " + name + "s", dir: t.TempDir()}
			saved := &layout{b, folder}
			saved.buildkitThings()
			saved.table("made", len(b.things))
			image := "oci:" + folder + ":v1"
			listed := decode[documents](t, b.refractBytes("--output", "json", "references", "ls", image))
			b.table("refract", b.compare("refract", listed.References, b.things))
			b.getSBOMs(image)
			everyPlace(t, func(t *testing.T, at *place) {
				to := b.copied(at, "buildkit/"+name)
				to.t, to.name = t, b.name+", pushed"
				to.run("oras", "cp", "--from-oci-layout", "--to-plain-http", folder+":v1", to.tag("v1"))
				to.readAll(to.tag("v1"))
			})
		})
	}
}

// buildkitThings reads what BuildKit's index lists besides images.
func (l *layout) buildkitThings() {
	b := l.bench
	b.t.Helper()
	root := digestOfTag(b.t, l.folder, "v1")
	b.roots = append(b.roots, root)
	for _, entry := range decode[ocispec.Index](b.t, l.blobOf(root)).Manifests {
		subject := entry.Annotations["vnd.docker.reference.digest"]
		if subject == "" {
			b.images = append(b.images, entry.Digest)
			if entry.Platform.Architecture == runtime.GOARCH {
				b.own = entry.Digest
			}
			continue
		}
		one := thing{what: "BuildKit's attestations", digest: entry.Digest, subject: digest.Digest(subject),
			kinds: []string{kindAttestation, kindProvenance, kindSBOM}, source: "buildkit"}
		for _, layer := range decode[ocispec.Manifest](b.t, l.blobOf(entry.Digest)).Layers {
			if strings.HasPrefix(layer.Annotations["in-toto.io/predicate-type"], "https://spdx.dev/") {
				one.sbom = l.blobOf(layer.Digest)
			}
		}
		if one.sbom == nil {
			b.t.Fatalf("%s has no SBOM", entry.Digest)
		}
		b.attached(one)
	}
	if len(b.things) != 2 || b.own == "" {
		b.t.Fatalf("BuildKit's index lists %d attestations, want 2: %s", len(b.things), l.blobOf(root))
	}
}
