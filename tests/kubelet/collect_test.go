// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package kubelet

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/shapes"
)

// collectLimit is how long kubelet may take to remove what pods left: it looks once a minute.
const collectLimit = 3 * time.Minute

// atOnce makes kubelet find every image too old that no container uses, whenever it looks: when it starts, and each five minutes.
// Unlike thresholds of the disk, that does not depend on how full this machine's is.
var atOnce = map[string]any{"imageMinimumGCAge": "1ns", "imageMaximumGCAge": "2ns"}

// TestImageGarbageCollection: kubelet removes the images of pods that are gone, and with them their indexes and the references that
// were fetched; what a running pod uses stays whole.
func TestImageGarbageCollection(t *testing.T) {
	gone := []shapes.Shape{shapes.ByName("artifact-first-same-platform"), shapes.ByName("artifacts-before-nested"), shapes.ByName("sbom-and-signature-first")}
	kept := shapes.ByName("images-first")
	for _, way := range ours {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel() // kubelet takes its time
			n := way.start(t, `references = "fetch"`, harness.KubeletConfig{Settings: atOnce})
			for _, shape := range gone {
				if err := n.kubelet.AddPod(podOf(shared.serving.Host(), shape)); err != nil {
					t.Fatal(err)
				}
			}
			running := podOf(shared.serving.Host(), kept)
			for i := range running.Containers {
				running.Containers[i].Command = []string{shapes.Busybox, "sleep", "1000000"}
			}
			if err := n.kubelet.AddPod(running); err != nil {
				t.Fatal(err)
			}
			for _, shape := range gone {
				for _, use := range uses {
					if err := programs.Poll(podsLimit, func() error { return n.ran(shape.Name, use.name, shape) }); err != nil {
						t.Fatalf("%s, %s: %v", shape.Name, use.name, err)
					}
				}
			}
			for _, use := range uses {
				if err := programs.Poll(podsLimit, func() error { return n.runs(kept.Name, use.name) }); err != nil {
					t.Fatalf("%s, %s: %v", kept.Name, use.name, err)
				}
			}
			for _, shape := range append(slices.Clone(gone), kept) {
				n.holds(t, shape)
			}

			n.end(t, gone...)
			n.restart(t)
			n.onlyHas(t, kept)
			n.holds(t, kept)

			n.end(t, kept)
			n.restart(t)
			n.onlyHas(t)
			n.noPods(t)
			left := n.contents(t)
			if err := left.Without(n.empty).Empty(); err != nil {
				t.Error(err)
			}
			if err := n.empty.Without(left).Empty(); err != nil {
				t.Errorf("of the sandbox's image: %v", err)
			}
		})
	}
}

// runs is nil while the container of a pod runs.
func (n *node) runs(pod, container string) error {
	_, state, err := n.state(pod, container)
	if err == nil && state.Running == nil {
		err = fmt.Errorf("container %s of pod %s does not run", container, pod)
	}
	return err
}

// end takes the shapes' pods away, and waits until kubelet has removed their containers.
func (n *node) end(t *testing.T, pods ...shapes.Shape) {
	t.Helper()
	for _, pod := range pods {
		if err := n.kubelet.RemovePod(pod.Name); err != nil {
			t.Fatal(err)
		}
	}
	for _, pod := range pods {
		err := programs.Poll(collectLimit, func() error {
			labels := map[string]string{"io.kubernetes.pod.name": harness.PodName(pod.Name)}
			list, err := n.daemon.Runtime.ListContainers(t.Context(), &cri.ListContainersRequest{Filter: &cri.ContainerFilter{LabelSelector: labels}})
			if err == nil && len(list.Containers) > 0 {
				err = fmt.Errorf("pod %s still has %d containers", pod.Name, len(list.Containers))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// noPods waits until kubelet has removed what pods leave besides their containers: it does that once a minute.
func (n *node) noPods(t *testing.T) {
	t.Helper()
	err := programs.Poll(collectLimit, func() error {
		list, err := n.daemon.Runtime.ListPodSandbox(t.Context(), &cri.ListPodSandboxRequest{})
		if err == nil && len(list.Items) > 0 {
			err = fmt.Errorf("there still are %d sandboxes", len(list.Items))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// restart restarts kubelet, which collects images when it starts.
func (n *node) restart(t *testing.T) {
	t.Helper()
	if err := errors.Join(n.kubelet.Stop(), n.kubelet.Start()); err != nil {
		t.Fatal(err)
	}
}

// onlyHas waits until there are no images but the shapes' and that of pods.
func (n *node) onlyHas(t *testing.T, kept ...shapes.Shape) {
	t.Helper()
	want := map[string]bool{}
	for _, shape := range append(slices.Clone(kept), shapes.Sandbox()) {
		want[shape.Configs[shape.Selected].String()] = true
	}
	err := programs.Poll(collectLimit, func() error {
		list, err := n.daemon.Images.ListImages(t.Context(), &cri.ListImagesRequest{})
		if err != nil {
			return err
		}
		has := map[string]bool{}
		for _, image := range list.Images {
			has[image.Id] = true
		}
		if !maps.Equal(has, want) {
			return fmt.Errorf("there are the images %v, want %v", has, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// holds looks for a shape's index, its image and all its references in the content store.
func (n *node) holds(t *testing.T, shape shapes.Shape) {
	t.Helper()
	blobs := n.contents(t).Blobs
	for _, wanted := range append([]digest.Digest{shape.Root.Digest, shape.Selected}, shape.References...) {
		if !slices.Contains(blobs, wanted.String()) {
			t.Errorf("%s: %s is not there", shape.Name, wanted)
		}
	}
}
