// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

const wholeName = "registry.example:5000/team/app:1.0"

// layoutOf has a shape in a folder, its root under the tag v1.
func layoutOf(t *testing.T, shape shapes.Shape) string {
	t.Helper()
	folder := t.TempDir()
	if err := shape.WriteLayout(folder, "v1"); err != nil {
		t.Fatal(err)
	}
	return folder
}

// relist writes a layout's index.json anew.
func relist(t *testing.T, folder string, change func(*ocispec.Index)) {
	t.Helper()
	path := filepath.Join(folder, ocispec.ImageIndexFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var index ocispec.Index
	if err := json.Unmarshal(text, &index); err != nil {
		t.Fatal(err)
	}
	change(&index)
	text, err = json.Marshal(index)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// tool runs another program.
func tool(t *testing.T, name string, arguments ...string) {
	t.Helper()
	if output, err := exec.Command(name, arguments...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v: %s", name, arguments, err, output)
	}
}

// listed is what JSON of a listing says.
type listed struct {
	Root       struct{ Digest digest.Digest }
	Notices    []string
	References []struct {
		Digest, Subject digest.Digest
		Type            string
		Sources         []string
	}
}

func (p *place) list(image string) listed {
	p.t.Helper()
	got := p.run("references", "ls", "--output", "json", image)
	var made listed
	if err := json.Unmarshal([]byte(got.out), &made); err != nil {
		p.t.Fatalf("%s: exit code %d, %s%s: %v", image, got.code, got.out, got.err, err)
	}
	return made
}

// TestAnArchiveIsReadAsItsDirectory: whatever is asked, and however the archive is compressed.
func TestAnArchiveIsReadAsItsDirectory(t *testing.T) {
	shape, _ := attached(t, text("sbom.txt", "what is in it"))
	folder := layoutOf(t, shape)
	archives := t.TempDir()
	for name, option := range map[string]string{"plain.tar": "-c", "gzip.tar.gz": "-cz", "zstd.tar": "-c --zstd"} {
		archive := filepath.Join(archives, name)
		tool(t, "tar", append(strings.Fields(option), "-C", folder, "-f", archive, ".")...)
		p := newPlace(t)
		for _, command := range [][]string{
			{"inspect"}, {"inspect", "--raw"}, {"select", "--platform", platformOf(shape)}, {"lint"}, {"references", "ls"},
			{"references", "tree"}, {"references", "get", "--type", "sbom"},
		} {
			want := p.run(append(command, "oci:"+folder+":v1")...)
			for _, image := range []string{"oci:" + archive + ":v1", "oci-archive:" + archive + ":v1", "oci:" + archive} {
				got := p.run(append(command, image)...)
				got.out = strings.ReplaceAll(got.out, archive, folder)
				got.err = strings.ReplaceAll(got.err, archive, folder)
				if strings.HasSuffix(image, ":v1") && got != want {
					t.Errorf("%q of %s: %+v, want %+v", command, image, got, want)
				}
				if got.code != want.code {
					t.Errorf("%q of %s: exit code %d, %s", command, image, got.code, got.err)
				}
			}
		}
	}
}

// TestLayoutsOfSkopeoAreReadByTheNamesThatItWrote: a whole name, its tag, or none.
func TestLayoutsOfSkopeoAreReadByTheNamesThatItWrote(t *testing.T) {
	shape := shapes.ByName("multi-platform")
	folder, made := layoutOf(t, shape), t.TempDir()
	archive := filepath.Join(made, "archive.tar")
	for _, to := range []string{"oci:" + made + "/layout", "oci-archive:" + archive} {
		tool(t, "skopeo", "--insecure-policy", "copy", "--all", "--preserve-digests", "--quiet", "oci:"+folder+":v1", to+":"+wholeName)
		p := newPlace(t)
		for _, name := range []string{to + ":" + wholeName, to + ":1.0", to} {
			if got := p.prints("inspect", "--raw", name); got != string(shape.Blobs[shape.Root.Digest]) {
				t.Errorf("%s: %q", name, got)
			}
		}
		p.fails(3, []string{wholeName}, "inspect", to+":2.0")
	}
}

// TestOtherToolsNamesAreToldWhatToWrite: never looked for in a registry or a directory.
func TestOtherToolsNamesAreToldWhatToWrite(t *testing.T) {
	p := newPlace(t)
	for name, words := range map[string]string{
		"oci://registry.example/app:1.0":  "write registry.example/app:1.0",
		"docker-archive:app.tar":          "skopeo copy docker-archive:app.tar oci:DIR",
		"containers-storage:app:1.0":      "skopeo copy containers-storage:app:1.0 oci:DIR",
		"https://registry.example/app:v1": "write registry.example/app:v1",
	} {
		p.fails(2, []string{words}, "inspect", name)
	}
	shape := shapes.ByName("multi-platform")
	folder := layoutOf(t, shape)
	if got, want := p.prints("inspect", "ocidir://"+folder+":v1"), p.prints("inspect", "oci:"+folder+":v1"); got != want {
		t.Errorf("ocidir:// prints %q, want %q", got, want)
	}
	server := node.Serve(t, shape)
	if got, want := p.prints("inspect", "docker://"+node.Name(server, shape)), p.prints("inspect", node.Name(server, shape)); got != want {
		t.Errorf("docker:// prints %q, want %q", got, want)
	}
}

// TestALayoutWithoutItsMarkerIsReadWithANotice: once on the standard error, and among JSON's notices.
func TestALayoutWithoutItsMarkerIsReadWithANotice(t *testing.T) {
	shape, _ := attached(t, text("sbom.txt", "what is in it"))
	folder := layoutOf(t, shape)
	if err := os.Remove(filepath.Join(folder, ocispec.ImageLayoutFile)); err != nil {
		t.Fatal(err)
	}
	p := newPlace(t)
	for _, command := range [][]string{{"inspect"}, {"select", "--platform", platformOf(shape)}, {"references", "ls"}, {"references", "get", "--type", "sbom", "-o", t.TempDir()}} {
		got := p.run(append(command, "oci:"+folder+":v1")...)
		if got.code != 0 {
			t.Errorf("%q: exit code %d", command, got.code)
		}
		oneLine(t, got.err, "no file oci-layout")
	}
	if notices := p.list("oci:" + folder + ":v1").Notices; len(notices) != 1 || !strings.Contains(notices[0], "no file oci-layout") {
		t.Errorf("notices %q", notices)
	}
}

// TestWhatCosignSavedIsAttachedToItsImage: the old form by what index.json says of it, bundles among the blobs that it does not list.
func TestWhatCosignSavedIsAttachedToItsImage(t *testing.T) {
	const kind = "dev.cosignproject.cosign/"
	shape := shapes.ByName("multi-platform")
	signature := node.Artifact(t, shape, "", node.Piece{MediaType: "application/vnd.dev.cosign.simplesigning.v1+json", Content: []byte("{}")})
	bundle := ocispec.Manifest{
		MediaType: ocispec.MediaTypeImageManifest, ArtifactType: "application/vnd.dev.sigstore.bundle.v0.3+json",
		Config: node.Blob(shape, ocispec.MediaTypeEmptyJSON, []byte("{}")), Layers: []ocispec.Descriptor{}, Subject: &shape.Root,
	}
	bundle.SchemaVersion = 2
	written, err := json.Marshal(bundle)
	if err != nil {
		t.Fatal(err)
	}
	unlisted := node.Blob(shape, bundle.MediaType, written)
	folder := layoutOf(t, shape)
	relist(t, folder, func(index *ocispec.Index) {
		index.Manifests[0].Annotations = map[string]string{"kind": kind + "imageIndex"}
		signature.Annotations = map[string]string{"kind": kind + "sigs"}
		index.Manifests = append(index.Manifests[:1], signature)
	})
	got := newPlace(t).list("oci:" + folder)
	found := map[digest.Digest]string{}
	for _, one := range got.References {
		if one.Subject == shape.Root.Digest {
			found[one.Digest] = one.Type + " " + strings.Join(one.Sources, ",")
		}
	}
	if found[signature.Digest] != "signature cosign-tag" || found[unlisted.Digest] != bundle.ArtifactType+" referrers-api" {
		t.Errorf("found %v of %v, signature %s, bundle %s", found, got, signature.Digest, unlisted.Digest)
	}
	if got.Root.Digest != shape.Root.Digest {
		t.Errorf("the root is %s, want %s", got.Root.Digest, shape.Root.Digest)
	}
}

// TestALayoutsRootHasItsOwnDigest: with sha512, too, and what is attached to that is found.
func TestALayoutsRootHasItsOwnDigest(t *testing.T) {
	shape := shapes.ByName("multi-platform")
	folder := layoutOf(t, shape)
	put := func(content []byte) ocispec.Descriptor {
		sum := sha512.Sum512(content)
		name := hex.EncodeToString(sum[:])
		if err := os.MkdirAll(filepath.Join(folder, "blobs", "sha512"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "blobs", "sha512", name), content, 0o600); err != nil {
			t.Fatal(err)
		}
		return ocispec.Descriptor{Digest: digest.NewDigestFromEncoded(digest.SHA512, name), Size: int64(len(content))}
	}
	root := put(shape.Blobs[shape.Root.Digest])
	root.MediaType = shape.Root.MediaType
	sbom := ocispec.Manifest{
		MediaType: ocispec.MediaTypeImageManifest, ArtifactType: "application/spdx+json",
		Config: node.Blob(shape, ocispec.MediaTypeEmptyJSON, []byte("{}")), Layers: []ocispec.Descriptor{}, Subject: &root,
	}
	sbom.SchemaVersion = 2
	written, err := json.Marshal(sbom)
	if err != nil {
		t.Fatal(err)
	}
	attached := put(written)
	relist(t, folder, func(index *ocispec.Index) {
		root.Annotations = map[string]string{ocispec.AnnotationRefName: "v2"}
		index.Manifests = []ocispec.Descriptor{root}
	})
	for _, image := range []string{"oci:" + folder + ":v2", "oci:" + folder, "oci:" + folder + "@" + root.Digest.String()} {
		got := newPlace(t).list(image)
		if got.Root.Digest != root.Digest || len(got.References) != 1 || got.References[0].Digest != attached.Digest {
			t.Errorf("%s: %+v, want the root %s with %s", image, got, root.Digest, attached.Digest)
		}
	}
}

// TestALayoutOfLinksIsRead: as Bazel's rules write them, each blob a link into a cache.
func TestALayoutOfLinksIsRead(t *testing.T) {
	shape, _ := attached(t, text("sbom.txt", "what is in it"))
	folder, cache := layoutOf(t, shape), t.TempDir()
	blobs := filepath.Join(folder, ocispec.ImageBlobsDir, "sha256")
	p := newPlace(t)
	image := "oci:" + folder + ":v1"
	tree, content := p.prints("references", "tree", image), p.prints("references", "get", "--type", "sbom", image)
	entries, err := os.ReadDir(blobs)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		blob, cached := filepath.Join(blobs, entry.Name()), filepath.Join(cache, entry.Name())
		if err := os.Rename(blob, cached); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(cached, blob); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.prints("references", "tree", image); got != tree {
		t.Errorf("the tree is %s, want %s", got, tree)
	}
	if got := p.prints("references", "get", "--type", "sbom", image); got != content {
		t.Errorf("the SBOM is %q, want %q", got, content)
	}
	// A directory that is a link would have whatever is there be part of the layout.
	if err := os.Rename(blobs, filepath.Join(cache, "sha256")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(cache, "sha256"), blobs); err != nil {
		t.Fatal(err)
	}
	p.fails(1, []string{"symbolic link that leaves the layout"}, "inspect", image)
}

// TestArtifactsBesideTheImageNeedNoTag: as `oras cp -r` writes a layout, with all that a tagged index holds.
func TestArtifactsBesideTheImageNeedNoTag(t *testing.T) {
	shape := shapes.ByName("multi-platform")
	artifact := node.Artifact(t, shape, "application/spdx+json", text("sbom.txt", "what is in it"))
	folder := layoutOf(t, shape)
	var root ocispec.Index
	if err := json.Unmarshal(shape.Blobs[shape.Root.Digest], &root); err != nil {
		t.Fatal(err)
	}
	relist(t, folder, func(index *ocispec.Index) {
		delete(index.Manifests[0].Annotations, ocispec.AnnotationRefName)
		index.Manifests = slices.Concat(root.Manifests, []ocispec.Descriptor{artifact}, index.Manifests)
	})
	if got := newPlace(t).list("oci:" + folder).Root.Digest; got != shape.Root.Digest {
		t.Errorf("the root is %s, want %s", got, shape.Root.Digest)
	}
}
