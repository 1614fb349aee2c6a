// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/printable"
	"github.com/refract-oci/refract/tests/shapes"
)

// harmfulShape says the same harmful thing wherever a stranger may say something.
func harmfulShape(t *testing.T, harm string) shapes.Shape {
	t.Helper()
	shape := shapes.ByName("multi-platform")
	artifact := node.Artifact(t, shape, harm, node.Piece{MediaType: harm, Title: harm, Content: []byte(harm)}, text("../"+harm, "two"))
	artifact.ArtifactType = harm
	entry := node.About(artifact, shape.Selected, harm)
	entry.Annotations["org.opencontainers.reference.description"] = harm
	malformed := node.About(node.Artifact(t, shape, "x/y", text("", "three")), digest.Digest(harm), harm)
	blob := node.About(node.Blob(shape, harm, []byte("a blob")), shape.Selected, "sbom")
	other := node.Artifact(t, shape, "x/z")
	other.Platform = &ocispec.Platform{OS: harm, Architecture: harm, Variant: harm, OSVersion: harm, OSFeatures: []string{harm}}
	return node.Change(t, shape, func(index *ocispec.Index) {
		for i := range index.Manifests {
			index.Manifests[i].Annotations = map[string]string{"dev.sigstore.cosign/bundle." + harm: harm}
		}
		index.Annotations = map[string]string{harm: harm, "org.opencontainers.image.base.name": harm}
		index.Manifests = append(index.Manifests, entry, malformed, blob, other)
	})
}

// harmfulLayout is a layout of it whose names are harmful, too; some lead to nothing that can be read.
func harmfulLayout(t *testing.T, harm string) string {
	t.Helper()
	shape := harmfulShape(t, harm)
	bad := node.Blob(shape, ocispec.MediaTypeImageIndex, []byte("{"+harm))
	folder := t.TempDir()
	if err := shape.WriteLayout(folder, "v1", harm, "registry.example/"+harm+":2"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, ocispec.ImageIndexFile)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var index ocispec.Index
	if err := json.Unmarshal(raw, &index); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{harm + "bad", "registry.example/app:" + harm, "sha256-" + shape.Selected.Encoded() + "." + harm} {
		entry := bad
		entry.Annotations = map[string]string{ocispec.AnnotationRefName: name, "io.containerd.image.name": harm + name}
		index.Manifests = append(index.Manifests, entry)
	}
	if raw, err = json.Marshal(index); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// isHarmless looks at what a command has printed; content that was asked for is its own.
func isHarmless(t *testing.T, got result, arguments []string, content bool) {
	t.Helper()
	if harm := printable.Harm(got.err); harm != "" {
		t.Errorf("%q: standard error has %s raw: %q", arguments, harm, got.err)
	}
	if harm := printable.Harm(got.out); harm != "" && !content {
		t.Errorf("%q: standard output has %s raw: %q", arguments, harm, got.out)
	}
}

// TestNothingOfAStrangerIsPrintedRaw: names, types, titles, tags, annotations and platforms of layouts and registries, and what a person
// gives as an argument, in every command's output, notices and errors.
func TestNothingOfAStrangerIsPrintedRaw(t *testing.T) {
	var runs, shown atomic.Int64
	t.Cleanup(func() {
		t.Logf("%d runs, in %d the text was shown escaped", runs.Load(), shown.Load())
		if shown.Load() < runs.Load()/10 {
			t.Errorf("in %d of %d runs there was something to escape: this proves little", shown.Load(), runs.Load())
		}
	})
	for _, row := range printable.Harmful() {
		harm := row.Text
		if strings.Contains(harm, "\x00") {
			// No argument can have it; in a layout it is not JSON's business.
			continue
		}
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			folder, shape := harmfulLayout(t, harm), harmfulShape(t, harm)
			archive := filepath.Join(t.TempDir(), "archive.tar")
			if output, err := exec.Command("tar", "-cf", archive, "-C", folder, ".").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, output)
			}
			p := newPlace(t)
			server := node.Serve(t, shape)
			for _, image := range []string{"oci:" + folder + ":v1", "oci:" + archive + ":v1", node.Name(server, shape)} {
				all := [][]string{
					{"inspect"}, {"inspect", "--no-trunc"}, {"inspect", "--output", "json"}, {"references", "ls"}, {"references", "ls", "--no-trunc"},
					{"references", "ls", "--scan-tags"}, {"references", "ls", "--scan-tags", "--output", "json"}, {"references", "tree", "--scan-tags"},
					{"references", "ls", "--check"}, {"references", "ls", "--annotation", harm + "=" + harm}, {"references", "ls", "--type", harm},
					{"references", "ls", "--artifact-type", harm}, {"references", "ls", "--subject", harm}, {"references", "get"}, {"references", "get", "--type", harm},
					{"references", "get", "--layer", harm}, {"references", "get", "--all"}, {"references", "get", "--type", harm, "-o", harm + "/" + harm},
					{"select", "--explain"}, {"select", "--all"}, {"select", "--platform", harm}, {"select", "--as", harm}, {"select", "--as", "containerd", "--explain"},
					{"lint"}, {"lint", "--output", "json"}, {"lint", "--strict"}, {harm}, {"references", harm}, {"inspect", "--" + harm}, {"inspect", "--output", harm},
					{"inspect", "--hosts-dir", harm}, {"inspect", "--docker-config", harm}, {"inspect", "--ca-file", harm}, {"inspect", "--allow-host", harm},
					{"inspect", "--proxy", harm}, {"inspect", "--timeout", harm},
				}
				if strings.Contains(image, archive) {
					all = all[:9] // the same layout
				}
				for _, arguments := range all {
					arguments = append(arguments, image)
					got := p.run(arguments...)
					isHarmless(t, got, arguments, false)
					runs.Add(1)
					if strings.Contains(got.out+got.err, row.Shown) {
						shown.Add(1)
					}
				}
				to := t.TempDir()
				got := p.run("references", "get", "--all", "-o", to, image)
				isHarmless(t, got, []string{"get --all"}, false)
				for _, name := range filesBelow(t, to) {
					if harm := printable.Harm(name); harm != "" || strings.Contains(name, "..") {
						t.Errorf("a file is called %q", name)
					}
				}
				runs.Add(1)
			}
			for _, image := range []string{"oci:" + folder, "oci:" + folder + ":" + harm, "oci:" + folder + ":" + harm + "bad", "oci:" + folder + ":nothing", "oci:" + folder + "@" + harm,
				"oci:" + harm, harm, "registry.example/" + harm, node.Name(server, shape) + harm, server.Host() + "/" + harm + ":latest", server.Host() + "/app@" + harm} {
				for _, arguments := range [][]string{{"inspect"}, {"references", "ls", "--scan-tags"}, {"references", "tree"}, {"references", "get"}, {"select"}, {"lint"}} {
					arguments = append(arguments, "--timeout", "5", image)
					got := p.run(arguments...)
					isHarmless(t, got, arguments, false)
					runs.Add(1)
					if strings.Contains(got.out+got.err, row.Shown) {
						shown.Add(1)
					}
				}
			}
		})
	}
}
