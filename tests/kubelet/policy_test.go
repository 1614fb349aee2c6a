// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package kubelet

import (
	"strings"
	"testing"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// TestPullPolicies: of an image that is there, IfNotPresent asks the registry nothing and Always downloads nothing; when the tag has
// moved, Always gets the new image and IfNotPresent keeps the old one.
func TestPullPolicies(t *testing.T) {
	const repository = "moving"
	first, second := shapes.ByName("artifact-first-same-platform"), shapes.ByName("artifacts-before-nested")
	for _, way := range ours {
		t.Run(way.name, func(t *testing.T) {
			server, err := registry.Listen()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			server.Add(repository, first, "latest")
			image := server.Host() + "/" + repository
			n := way.start(t, "", harness.KubeletConfig{})
			run := func(name, image, policy string, shape shapes.Shape) registry.Counts {
				t.Helper()
				server.Reset()
				container := harness.StaticContainer{Name: "only", Image: image, ImagePullPolicy: policy}
				if err := n.kubelet.AddPod(harness.StaticPod{Name: name, Containers: []harness.StaticContainer{container}}); err != nil {
					t.Fatal(err)
				}
				if err := programs.Poll(podsLimit, func() error { return n.ran(name, "only", shape) }); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				return server.Counts()
			}
			byDigest := image + "@" + first.Root.Digest.String()
			run("fresh", image+":latest", "IfNotPresent", first)
			for name, named := range map[string]string{"tag": image + ":latest", "digest": byDigest} {
				if counts := run("present-"+name, named, "IfNotPresent", first); counts.Requests != 0 {
					t.Errorf("%s, IfNotPresent: asked %q for an image that is there", name, counts.Log)
				}
				if counts := run("always-"+name, named, "Always", first); counts.Requests == 0 || counts.ByKind["GET blobs"] != 0 {
					t.Errorf("%s, Always: asked %q for an image that is there", name, counts.Log)
				}
			}
			server.Add(repository, second, "latest")
			run("old", image+":latest", "IfNotPresent", first)
			run("new", image+":latest", "Always", second)
			run("old-by-digest", byDigest, "IfNotPresent", first)
		})
	}
}

// TestImageVolumes mounts images from extended indexes, as volumes of a pod.
func TestImageVolumes(t *testing.T) {
	names := []string{"artifact-first-same-platform", "artifacts-before-nested", "artifact-with-image-layers"}
	for _, way := range ours {
		t.Run(way.name, func(t *testing.T) {
			n := way.start(t, "", harness.KubeletConfig{})
			for _, name := range names {
				container := harness.StaticContainer{
					Name: "only", Image: shared.serving.Host() + "/images-first:latest",
					Command: []string{shapes.Busybox, "ls", "/volume" + shapes.Busybox},
				}
				pod := harness.StaticPod{Name: name, Containers: []harness.StaticContainer{container}, Volume: shared.serving.Host() + "/" + name + ":latest"}
				if err := n.kubelet.AddPod(pod); err != nil {
					t.Fatal(err)
				}
			}
			for _, name := range names {
				printed := shapes.Shape{Output: "/volume" + shapes.Busybox}
				if err := programs.Poll(podsLimit, func() error { return n.ran(name, "only", printed) }); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// TestRefusalsReachThePod: why a pull was refused stands in the state of the container, where "kubectl describe pod" reads it.
func TestRefusalsReachThePod(t *testing.T) {
	refused := map[string][]string{"missing": {"not found"}}
	for _, shape := range shared.shapes {
		if shape.Output == "" {
			refused[shape.Name] = shape.Refusal
		}
	}
	for _, way := range ours {
		t.Run(way.name, func(t *testing.T) {
			n := way.start(t, "", harness.KubeletConfig{})
			for name := range refused {
				container := harness.StaticContainer{Name: "only", Image: shared.serving.Host() + "/" + name + ":latest"}
				if err := n.kubelet.AddPod(harness.StaticPod{Name: name, Containers: []harness.StaticContainer{container}}); err != nil {
					t.Fatal(err)
				}
			}
			for name, words := range refused {
				message, err := n.refusal(name, "only")
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				for _, word := range append(words, name+":latest") {
					if !strings.Contains(message, word) {
						t.Errorf("%s: %q does not say %q", name, message, word)
					}
				}
			}
		})
	}
}
