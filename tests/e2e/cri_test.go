// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/shapes"
)

// eventLimit is how long CRI may take to handle the event of an image.
const eventLimit = 20 * time.Second

// podNames are the names that a pod may use for an image: tag, index digest, manifest digest, image id.
func podNames(shape shapes.Shape) []string {
	repository := shared.repository(shape)
	names := []string{
		repository + ":latest",
		repository + "@" + shape.Root.Digest.String(),
		repository + "@" + shape.Selected.String(),
		shape.Configs[shape.Selected].String(),
	}
	return slices.Compact(names) // of a single manifest, root and manifest are one
}

// TestCRIKnowsEveryName: for each target of the image record, all shapes are pulled as pods would by tag, index digest and
// manifest digest; then every name answers, again after a restart, and the removal by any of them leaves nothing.
func TestCRIKnowsEveryName(t *testing.T) {
	for _, target := range []string{"auto", "index", "manifest"} {
		everyPod(t, target, func(t *testing.T, with starter) {
			daemon := start(t, with, harness.Config{Policy: "image_target = \"" + target + "\""})
			runnable, _ := shared.runnable()
			for _, shape := range runnable {
				for _, name := range podNames(shape)[:len(podNames(shape))-1] {
					if _, err := daemon.CRIPull(t.Context(), name); err != nil {
						t.Errorf("pull %s: %v", name, err)
					}
				}
			}
			answer := func(when string) {
				for _, shape := range runnable {
					if err := programs.Poll(eventLimit, func() error { return known(t, daemon, shape) }); err != nil {
						t.Errorf("%s: %s: %v", when, shape.Name, err)
					}
				}
			}
			answer("after the pull")
			if err := errors.Join(daemon.Stop(), daemon.Start()); err != nil {
				t.Fatal(err)
			}
			answer("after a restart")
			for i, shape := range runnable {
				names := podNames(shape)
				if err := removed(t, daemon, names[i%len(names)], names); err != nil {
					t.Errorf("%s: %v", shape.Name, err)
				}
			}
			nothingStays(t, daemon, criNamespace)
		})
	}
}

// TestCRIKnowsEveryNameAfterOnePull: a pull by tag alone is enough for tag, index digest and image id; and for the manifest's
// digest where the record's target is the manifest.
func TestCRIKnowsEveryNameAfterOnePull(t *testing.T) {
	everyPod(t, "pull", func(t *testing.T, with starter) { knowsEveryName(t, start(t, with, harness.Config{})) })
}

// everyPod tests both ways in which pods get extended indexes: with containerd-refract, and with containerd behind refractd.
func everyPod(t *testing.T, name string, test func(t *testing.T, with starter)) {
	t.Run(name+"/containerd-refract", func(t *testing.T) { test(t, harness.StartRefract) })
	t.Run(name+"/refractd", func(t *testing.T) { test(t, harness.StartBehindRefractd) })
}

func knowsEveryName(t *testing.T, daemon *harness.Daemon) {
	runnable, _ := shared.runnable()
	for _, shape := range runnable {
		t.Run(shape.Name, func(t *testing.T) {
			names := podNames(shape)
			for _, pulled := range names[:2] {
				id := names[len(names)-1]
				if reference, err := daemon.CRIPull(t.Context(), pulled); err != nil || reference != id {
					t.Fatalf("pull %s: %q, %v, want %s", pulled, reference, err, id)
				}
				asked := []string{pulled, names[1], id}
				if shape.Root.Digest == shape.Selected {
					asked = []string{pulled, id}
				}
				if err := programs.Poll(eventLimit, func() error { return answers(t, daemon, shape, asked) }); err != nil {
					t.Error(err)
				}
				if image, err := daemon.CRIStatus(t.Context(), pulled); err != nil || !strings.HasSuffix(image.RepoDigests[0], "@"+shape.Root.Digest.String()) {
					t.Errorf("the first of %q is not the root's: %v", image.GetRepoDigests(), err)
				}
				if err := removed(t, daemon, pulled, names); err != nil {
					t.Error(err)
				}
			}
		})
	}
	nothingStays(t, daemon, criNamespace)
}

// TestPodsAreToldTheIndex: what CRI tells of a running image is the digest of its index, whatever the record points at, and
// whichever of the two digests stands first in the order of the texts.
func TestPodsAreToldTheIndex(t *testing.T) {
	inOrder := map[bool]shapes.Shape{}
	for i := 0; len(inOrder) < 2; i++ {
		shape := noted(byName(t, "artifact-first-same-platform"), fmt.Sprint("told ", i))
		inOrder[shape.Root.Digest < shape.Selected] = shape
	}
	for name, lazy := range map[string]*lazyDaemon{"containerd-refract": &shared.refract, "refractd": &shared.behind} {
		t.Run(name, func(t *testing.T) {
			daemon := map[string]func(testing.TB) *harness.Daemon{"containerd-refract": refractDaemon, "refractd": behindDaemon}[name](t)
			for first, shape := range inOrder {
				_, image := ownRegistry(t, shape)
				if _, err := daemon.CRIPull(t.Context(), image); err != nil {
					t.Fatal(err)
				}
				told, err := lazy.pod.ImageRef(t.Context(), image)
				if err != nil || !strings.HasSuffix(told, "@"+shape.Root.Digest.String()) {
					t.Errorf("the index stands first: %v: told is %s, %v, want %s", first, told, err, shape.Root.Digest)
				}
				if err := daemon.CRIRemove(t.Context(), image); err != nil {
					t.Error(err)
				}
			}
			nothingStays(t, daemon, criNamespace)
		})
	}
}

// known asks for a shape by all its names.
func known(t *testing.T, daemon *harness.Daemon, shape shapes.Shape) error {
	return answers(t, daemon, shape, podNames(shape))
}

// answers asks for the status by each name, and looks for the image in the list. The index digest must be among the
// RepoDigests, whatever the target of the record.
func answers(t *testing.T, daemon *harness.Daemon, shape shapes.Shape, names []string) error {
	id := shape.Configs[shape.Selected].String()
	byDigest := shared.repository(shape) + "@" + shape.Root.Digest.String()
	for _, name := range names {
		image, err := daemon.CRIStatus(t.Context(), name)
		switch {
		case err != nil:
			return fmt.Errorf("status of %s: %w", name, err)
		case image == nil:
			return fmt.Errorf("status of %s: there is no such image", name)
		case image.Id != id:
			return fmt.Errorf("status of %s: image %s, want %s", name, image.Id, id)
		case !slices.Contains(image.RepoDigests, byDigest):
			return fmt.Errorf("status of %s: no %s among its RepoDigests %q", name, byDigest, image.RepoDigests)
		case strings.HasSuffix(name, ":latest") && !slices.Contains(image.RepoTags, name):
			return fmt.Errorf("status of %s: not among its RepoTags %q", name, image.RepoTags)
		}
	}
	all, err := daemon.Images.ListImages(t.Context(), &cri.ListImagesRequest{})
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	if !slices.ContainsFunc(all.Images, func(one *cri.Image) bool { return one.Id == id && slices.Contains(one.RepoDigests, byDigest) }) {
		return fmt.Errorf("the list of all images has no %s with %s among its RepoDigests", id, byDigest)
	}
	return nil
}

// removed removes an image by one name; then none of its names is known.
func removed(t *testing.T, daemon *harness.Daemon, name string, names []string) error {
	if err := daemon.CRIRemove(t.Context(), name); err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return programs.Poll(eventLimit, func() error {
		for _, gone := range names {
			if image, err := daemon.CRIStatus(t.Context(), gone); err != nil || image != nil {
				return fmt.Errorf("status of %s after %s was removed: %v, %w", gone, name, image, err)
			}
		}
		return nil
	})
}
