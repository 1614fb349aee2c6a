// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

const fetching = "references = \"fetch\"\n"

// attachedTo is everything that a shape's image needs and that is attached to it: what has to live as long as the image.
func attachedTo(t *testing.T, shape shapes.Shape) []string {
	t.Helper()
	all := []string{shape.Root.Digest.String(), shape.Selected.String(), shape.Configs[shape.Selected].String()}
	for _, reference := range shape.References {
		manifest, err := native.ReadManifest(reference.String(), shape.Blobs[reference])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, reference.String(), manifest.Config.Digest.String())
		for _, layer := range manifest.Layers {
			all = append(all, layer.Digest.String())
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestWhatIsAttachedLivesAndDiesWithTheImage: whatever the target of the image's record, nothing that was fetched with it is
// collected while it lives, and nothing of it is left when it is gone.
func TestWhatIsAttachedLivesAndDiesWithTheImage(t *testing.T) {
	for _, target := range []string{"auto", "index", "manifest"} {
		t.Run(target, func(t *testing.T) {
			daemon := ownDaemon(t, harness.Config{Policy: fetching + "image_target = \"" + target + "\""})
			for _, name := range []string{"artifact-first-same-platform", "references-to-references", "soci-v2", "three-levels"} {
				shape := byName(t, name)
				for _, way := range []string{"transfer", "cri"} {
					if err := pull(t.Context(), daemon, way, shared.tag(shape)); err != nil {
						t.Fatal(err)
					}
					there := contents(t, daemon, namespaceOf(way)).Blobs
					for _, blob := range attachedTo(t, shape) {
						if !slices.Contains(there, blob) {
							t.Errorf("%s, %s: %s was collected while the image lives", name, way, blob)
						}
					}
					if err := remove(t.Context(), daemon, way, shared.tag(shape)); err != nil {
						t.Fatal(err)
					}
					nothingStays(t, daemon, namespaceOf(way))
				}
			}
		})
	}
}

// noted gives a shape's index another digest.
func noted(shape shapes.Shape, note string) shapes.Shape {
	return shape.WithRoot(func(index *ocispec.Index) { index.Annotations = map[string]string{"org.example.note": note} })
}

// TestTwoTagsOfOneManifest: the indexes of two tags differ in what is attached; each tag lists its own, also when the other is gone.
func TestTwoTagsOfOneManifest(t *testing.T) {
	daemon := refractDaemon(t)
	shape := byName(t, "artifact-first-same-platform")
	without := shape.WithRoot(func(index *ocispec.Index) {
		index.Manifests = slices.DeleteFunc(index.Manifests, func(d ocispec.Descriptor) bool { return d.Digest == shape.References[0] })
		index.Annotations = map[string]string{"org.example.note": "nothing is attached"}
	})
	server, name := ownRegistry(t, shape)
	server.Add(shape.Name, without, "without")
	other := server.Host() + "/" + shape.Name + ":without"
	const namespace = "two-tags"
	for _, one := range []string{name, other} {
		if err := daemon.Pull(t.Context(), namespace, one); err != nil {
			t.Fatal(err)
		}
	}
	listed := func(image string) int {
		t.Helper()
		out, err := quiet(t.Context(), daemon, namespace, "references", "ls", "--output", "json", image)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(out, shape.References[0].String())
	}
	contents(t, daemon, namespace)
	if listed(name) == 0 || listed(other) != 0 {
		t.Error("the tags do not list each its own references")
	}
	if _, err := quiet(t.Context(), daemon, namespace, "images", "rm", "--sync", other); err != nil {
		t.Fatal(err)
	}
	if there := contents(t, daemon, namespace).Blobs; slices.Contains(there, without.Root.Digest.String()) || !slices.Contains(there, shape.Root.Digest.String()) {
		t.Errorf("after one tag is removed, its index must be gone and the other's stay: %q", there)
	}
	if output, err := daemon.Run(t.Context(), namespace, name); err != nil || output != shape.Output {
		t.Errorf("it printed %q: %v", output, err)
	}
	if _, err := quiet(t.Context(), daemon, namespace, "images", "rm", "--sync", name); err != nil {
		t.Fatal(err)
	}
	nothingStays(t, daemon, namespace)
}

// TestPullingAgain: what is here is not downloaded again, and a tag that has moved takes nothing of the old index along.
func TestPullingAgain(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			daemon := ownDaemon(t, harness.Config{Policy: fetching})
			shape := byName(t, "artifact-first-same-platform")
			server, name := ownRegistry(t, shape)
			once := func() registry.Counts {
				t.Helper()
				server.Reset()
				if err := pull(t.Context(), daemon, way, name); err != nil {
					t.Fatal(err)
				}
				return server.Counts()
			}
			once()
			if again := once(); again.ByKind["HEAD manifests"] != 1 || again.Requests != 1 {
				t.Errorf("pulling again asked %q", again.Log)
			}
			moved := noted(shape, "moved")
			server.Add(shape.Name, moved, "latest")
			for asked, times := range once().Asked {
				if asked != moved.Root.Digest.String() {
					t.Errorf("after the tag has moved, %s was asked for %d times, only the new index is new", asked, times)
				}
			}
			there := contents(t, daemon, namespaceOf(way)).Blobs
			if !slices.Contains(there, moved.Root.Digest.String()) {
				t.Error("the new index is not there")
			}
			// A pod may still name the old index by its digest, so CRI keeps it until the image goes.
			if way != "cri" && slices.Contains(there, shape.Root.Digest.String()) {
				t.Error("the old index is still there")
			}
			if err := remove(t.Context(), daemon, way, name); err != nil {
				t.Fatal(err)
			}
			nothingStays(t, daemon, namespaceOf(way))
		})
	}
}

// TestInterruptedPull: the daemon is killed while it waits for a document, a layer or a reference; started again it holds no
// record, and the next pull is whole.
func TestInterruptedPull(t *testing.T) {
	shape := byName(t, "artifact-first-same-platform")
	parts := partsOf(shape)
	parts["reference"] = shape.References[0]
	for what, of := range parts {
		t.Run(what, func(t *testing.T) {
			daemon := ownDaemon(t, harness.Config{Policy: fetching})
			server, name := ownRegistry(t, shape)
			release, waiting := make(chan struct{}), make(chan registry.Target, 1)
			server.Inject(registry.OnGet(of, registry.Hold(release, waiting)))
			pulled := make(chan error, 1)
			go func() { pulled <- daemon.Pull(t.Context(), namespaceOf("transfer"), name) }()
			<-waiting
			if err := daemon.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := <-pulled; err == nil {
				t.Error("the pull of a killed daemon succeeded")
			}
			close(release)
			server.Inject(nil)
			if err := daemon.Start(); err != nil {
				t.Fatal(err)
			}
			if left, err := daemon.Contents(t.Context(), namespaceOf("transfer")); err != nil || len(left.Images) != 0 {
				t.Errorf("records %q, %v", left.Images, err)
			}
			if err := daemon.Pull(t.Context(), namespaceOf("transfer"), name); err != nil {
				t.Fatal(err)
			}
			there := contents(t, daemon, namespaceOf("transfer")).Blobs
			for _, blob := range attachedTo(t, shape) {
				if !slices.Contains(there, blob) {
					t.Errorf("%s is not there", blob)
				}
			}
			if output, err := daemon.Run(t.Context(), namespaceOf("transfer"), name); err != nil || output != shape.Output {
				t.Errorf("it printed %q: %v", output, err)
			}
		})
	}
}

// TestTwoImagesShareContent: of two images with a manifest and an SBOM in common, one is removed and the other stays whole.
func TestTwoImagesShareContent(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			daemon := ownDaemon(t, harness.Config{Policy: fetching})
			shape := byName(t, "artifact-first-same-platform")
			server, name := ownRegistry(t, shape)
			twin := noted(shape, "twin")
			server.Add("twin", twin, "latest")
			twinName := server.Host() + "/twin:latest"
			for _, one := range []string{name, twinName} {
				if err := pull(t.Context(), daemon, way, one); err != nil {
					t.Fatal(err)
				}
			}
			if way == "cri" {
				// CRI removes an image with all its names, and these two are one image to it.
				if err := daemon.CRIRemove(t.Context(), name); err != nil {
					t.Fatal(err)
				}
				nothingStays(t, daemon, criNamespace)
				return
			}
			if err := remove(t.Context(), daemon, way, name); err != nil {
				t.Fatal(err)
			}
			there := contents(t, daemon, namespaceOf(way)).Blobs
			want := attachedTo(t, twin)
			if way == "local" {
				want = []string{twin.Root.Digest.String(), twin.Selected.String(), twin.Configs[twin.Selected].String()}
			}
			for _, blob := range want {
				if !slices.Contains(there, blob) {
					t.Errorf("%s went with the other image", blob)
				}
			}
			if slices.Contains(there, shape.Root.Digest.String()) {
				t.Error("the removed image's index stayed")
			}
			if err := remove(t.Context(), daemon, way, twinName); err != nil {
				t.Fatal(err)
			}
			nothingStays(t, daemon, namespaceOf(way))
		})
	}
}
