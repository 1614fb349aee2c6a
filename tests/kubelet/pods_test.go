// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package kubelet

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/shapes"
)

// podsLimit is how long kubelet may take to run all pods of a test: it starts them all at once.
const podsLimit = 5 * time.Minute

// uses are the ways in which a pod may ask for its image. Each has a repository of its own, so that none finds what another pulled.
var uses = []struct{ name, by, policy string }{
	{"tag-if-not-present", "tag", "IfNotPresent"},
	{"tag-always", "tag", "Always"},
	{"digest-if-not-present", "digest", "IfNotPresent"},
	{"digest-always", "digest", "Always"},
}

// podOf runs a shape's image once in each of those ways.
func podOf(host string, shape shapes.Shape) harness.StaticPod {
	pod := harness.StaticPod{Name: shape.Name}
	for _, use := range uses {
		image := host + "/" + use.name + "/" + shape.Name
		if use.by == "tag" {
			image += ":latest"
		} else {
			image += "@" + shape.Root.Digest.String()
		}
		pod.Containers = append(pod.Containers, harness.StaticContainer{Name: use.name, Image: image, ImagePullPolicy: use.policy})
	}
	return pod
}

// runnable are the shapes that must be pulled and run.
func runnable() []shapes.Shape {
	return slices.DeleteFunc(slices.Clone(shared.shapes), func(shape shapes.Shape) bool { return shape.Output == "" })
}

// state is what kubelet says of a container of a pod. What will not come right is hopeless.
func (n *node) state(pod, container string) (harness.PodStatus, harness.ContainerState, error) {
	status, err := n.kubelet.Pod(pod)
	if err != nil {
		return status, harness.ContainerState{}, err
	}
	state, err := status.Container(container)
	starting := []string{"", "ContainerCreating", "PodInitializing"}
	if waiting := state.Waiting; waiting != nil && !slices.Contains(starting, waiting.Reason) {
		err = programs.Hopeless{Reason: fmt.Errorf("%s: %s", waiting.Reason, waiting.Message)}
	}
	return status, state, err
}

// ran is nil if the container of a pod has ended and printed what the shape's image prints.
func (n *node) ran(pod, container string, shape shapes.Shape) error {
	status, state, err := n.state(pod, container)
	switch {
	case err != nil:
		return err
	case state.Terminated == nil:
		return fmt.Errorf("container %s of pod %s has not ended", container, pod)
	case state.Terminated.ExitCode != 0:
		return programs.Hopeless{Reason: fmt.Errorf("exit code %d: %s", state.Terminated.ExitCode, state.Terminated.Message)}
	}
	output, err := n.kubelet.Output(status, container)
	if err == nil && output != shape.Output {
		err = programs.Hopeless{Reason: fmt.Errorf("other program ran: it printed %q, want %q", output, shape.Output)}
	}
	return err
}

// refusal waits until a container of a pod says why it does not start, and returns what it says.
func (n *node) refusal(pod, container string) (string, error) {
	var message string
	err := programs.Poll(podsLimit, func() error {
		_, state, err := n.state(pod, container)
		switch {
		case state.Waiting != nil && (state.Waiting.Reason == "ErrImagePull" || state.Waiting.Reason == "ImagePullBackOff"):
			message = state.Waiting.Message
			return nil
		case state.Running != nil || state.Terminated != nil:
			return programs.Hopeless{Reason: fmt.Errorf("container %s of pod %s was started", container, pod)}
		case err == nil:
			err = fmt.Errorf("container %s of pod %s says nothing yet", container, pod)
		}
		return err
	})
	return message, err
}

// TestPodsRun runs every shape by tag and by digest under both pull policies, and compares what each container prints.
func TestPodsRun(t *testing.T) {
	for _, way := range append(slices.Clone(ours), stock) {
		t.Run(way.name, func(t *testing.T) {
			n := way.start(t, "", harness.KubeletConfig{})
			for _, shape := range runnable() {
				if err := n.kubelet.AddPod(podOf(shared.serving.Host(), shape)); err != nil {
					t.Fatal(err)
				}
			}
			deadline := time.Now().Add(podsLimit)
			for _, shape := range runnable() {
				for _, use := range uses {
					err := programs.Poll(time.Until(deadline), func() error { return n.ran(shape.Name, use.name, shape) })
					summary.note(way.name, use.name, shape.Name, err)
					if err != nil && way.name != stock.name {
						t.Errorf("%s, %s (%s): %v", shape.Name, use.name, shape.About, err)
					}
				}
			}
		})
	}
	t.Run("control", func(t *testing.T) {
		// What refract was made for must show; the rest of what stock containerd makes of it is not ours to demand.
		for _, shape := range stockFails {
			for _, use := range uses {
				if summary.failure(stock.name, use.name, shape) == nil {
					t.Errorf("stock containerd ran %s, %s", shape, use.name)
				}
			}
		}
	})
}

// stockFails are shapes that stock containerd gets wrong through CRI.
var stockFails = []string{
	"artifact-first-same-platform",
	"unmarked-artifact-first-same-platform",
	"artifacts-before-nested",
	"artifact-with-image-layers",
	"soci-v2",
}
