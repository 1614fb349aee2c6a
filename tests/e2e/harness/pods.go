// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
)

// nodeName is what kubelet calls its node.
const nodeName = "node"

// PodName is what kubelet calls a static pod: each node has its own of that name.
func PodName(name string) string { return name + "-" + nodeName }

// StaticPod is a pod of kubelet's own, on the host's network. Its containers run once.
type StaticPod struct {
	Name       string
	Containers []StaticContainer
	// Volume is an image whose files are at /volume in every container, if it is not empty.
	Volume string
}

// StaticContainer is one of its containers.
type StaticContainer struct {
	Name            string   `json:"name"`
	Image           string   `json:"image"`
	ImagePullPolicy string   `json:"imagePullPolicy,omitempty"`
	Command         []string `json:"command,omitempty"` // in place of the image's
}

// PodStatus is what kubelet says of a pod, as far as tests look at it.
type PodStatus struct {
	Metadata struct {
		Name, Namespace, UID string
	}
	Status struct {
		Phase, Reason, Message string
		ContainerStatuses      []ContainerStatus
	}
}

// ContainerStatus is what kubelet says of a container.
type ContainerStatus struct {
	Name  string
	State ContainerState
}

// ContainerState has what "kubectl describe pod" shows: reason and message, of a container that waits too.
type ContainerState struct {
	Waiting    *struct{ Reason, Message string }
	Running    *struct{}
	Terminated *struct {
		ExitCode        int
		Reason, Message string
	}
}

// AddPod hands kubelet a pod.
func (k *Kubelet) AddPod(pod StaticPod) error {
	spec := map[string]any{
		"hostNetwork": true, "restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": pod.Containers,
	}
	if pod.Volume != "" {
		const name = "volume"
		spec["volumes"] = []any{map[string]any{"name": name, "image": map[string]string{"reference": pod.Volume}}}
		var containers []any
		for _, container := range pod.Containers {
			containers = append(containers, struct {
				StaticContainer
				VolumeMounts []map[string]string `json:"volumeMounts"`
			}{container, []map[string]string{{"name": name, "mountPath": "/volume"}}})
		}
		spec["containers"] = containers
	}
	manifest := map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": pod.Name}, "spec": spec}
	// Kubelet passes over names that begin with a dot, so it never reads half of one.
	hidden := filepath.Join(k.manifests(), "."+pod.Name)
	return errors.Join(writeJSON(hidden, manifest), os.Rename(hidden, k.manifest(pod.Name)))
}

// RemovePod takes a pod away: kubelet ends what runs of it.
func (k *Kubelet) RemovePod(name string) error { return os.Remove(k.manifest(name)) }

func (k *Kubelet) manifest(name string) string { return filepath.Join(k.manifests(), name+".json") }

// Pod asks kubelet for a pod.
func (k *Kubelet) Pod(name string) (PodStatus, error) {
	if err := k.process.Running(); err != nil {
		return PodStatus{}, err
	}
	response, err := http.Get(k.url("/pods"))
	if err != nil {
		return PodStatus{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return PodStatus{}, fmt.Errorf("kubelet's pods: %s", response.Status)
	}
	var list struct{ Items []PodStatus }
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		return PodStatus{}, fmt.Errorf("kubelet's pods: %w", err)
	}
	for _, pod := range list.Items {
		if pod.Metadata.Name == PodName(name) {
			return pod, nil
		}
	}
	return PodStatus{}, fmt.Errorf("kubelet knows no pod %s", name)
}

// Container is the state of one of a pod's containers. It is an error while kubelet says nothing of it.
func (p PodStatus) Container(name string) (ContainerState, error) {
	for _, status := range p.Status.ContainerStatuses {
		if status.Name == name {
			return status.State, nil
		}
	}
	return ContainerState{}, fmt.Errorf("pod %s has no status of container %s: %s %s %s",
		p.Metadata.Name, name, p.Status.Phase, p.Status.Reason, p.Status.Message)
}

// Output is what a container of a pod has printed so far.
func (k *Kubelet) Output(pod PodStatus, container string) (string, error) {
	folder := pod.Metadata.Namespace + "_" + pod.Metadata.Name + "_" + pod.Metadata.UID
	text, err := os.ReadFile(filepath.Join(k.logs(), folder, container, "0.log"))
	return plainLog(string(text)), err
}

func writeJSON(file string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}
