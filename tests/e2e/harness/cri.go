// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/refract-oci/refract/tests/programs"
)

// exitLimit is how long a container that prints one line may take.
const exitLimit = 30 * time.Second

// Pod is a pod sandbox on the host's network, in which images are run one after the other.
type Pod struct {
	daemon *Daemon
	config *cri.PodSandboxConfig
	id     string
	number int
}

// CRIPull pulls as kubelet does, and returns the image's reference.
func (d *Daemon) CRIPull(ctx context.Context, name string) (string, error) {
	pulled, err := d.Images.PullImage(ctx, &cri.PullImageRequest{Image: &cri.ImageSpec{Image: name}})
	return pulled.GetImageRef(), err
}

// CRIStatus is what CRI knows of an image; nil if it knows none of that name.
func (d *Daemon) CRIStatus(ctx context.Context, name string) (*cri.Image, error) {
	status, err := d.Images.ImageStatus(ctx, &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: name}})
	return status.GetImage(), err
}

// CRIRemove removes an image with all its names, by any of them. CRI hears of names that a pull adds by events, and removes those that it
// has heard of: it is asked again until containerd has none of them.
func (d *Daemon) CRIRemove(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, removeLimit)
	defer cancel()
	recorded := namespaces.WithNamespace(ctx, "k8s.io")
	image, err := d.Client.ImageService().Get(recorded, name)
	if err != nil && !errdefs.IsNotFound(err) {
		return err
	}
	for names := []string{name}; len(names) > 0; {
		for _, one := range names {
			if _, err := d.Images.RemoveImage(ctx, &cri.RemoveImageRequest{Image: &cri.ImageSpec{Image: one}}); err != nil {
				return err
			}
		}
		if image.Target.Digest == "" {
			return nil
		}
		left, err := d.Client.ImageService().List(recorded, "target.digest=="+image.Target.Digest.String())
		if err != nil {
			return err
		}
		names = nil
		for _, one := range left {
			names = append(names, one.Name)
		}
	}
	return nil
}

// removeLimit is how long CRI may take to hear of an image's names.
const removeLimit = 30 * time.Second

// StartPod starts a pod.
func (d *Daemon) StartPod(ctx context.Context, name string) (*Pod, error) {
	logs := filepath.Join(d.dir, "pods", name)
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return nil, err
	}
	host := &cri.NamespaceOption{Network: cri.NamespaceMode_NODE}
	p := &Pod{daemon: d, config: &cri.PodSandboxConfig{
		Metadata:     &cri.PodSandboxMetadata{Name: name, Uid: name, Namespace: "default"},
		LogDirectory: logs,
		Linux:        &cri.LinuxPodSandboxConfig{SecurityContext: &cri.LinuxSandboxSecurityContext{NamespaceOptions: host}},
	}}
	started, err := d.Runtime.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: p.config})
	if err != nil {
		return nil, fmt.Errorf("pod %s: %w", name, err)
	}
	p.id = started.PodSandboxId
	return p, nil
}

// Stop stops and removes the pod.
func (p *Pod) Stop(ctx context.Context) error {
	if _, err := p.daemon.Runtime.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: p.id}); err != nil {
		return err
	}
	_, err := p.daemon.Runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: p.id})
	return err
}

// Run runs an image by any name that CRI knows it by, as a container of the pod, and returns what it printed.
func (p *Pod) Run(ctx context.Context, image string) (output string, err error) {
	p.number++
	name := fmt.Sprintf("run-%d", p.number)
	config := &cri.ContainerConfig{
		Metadata: &cri.ContainerMetadata{Name: name},
		Image:    &cri.ImageSpec{Image: image},
		LogPath:  name + ".log",
		Linux: &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{
			NamespaceOptions: p.config.Linux.SecurityContext.NamespaceOptions,
		}},
	}
	service := p.daemon.Runtime
	made, err := service.CreateContainer(ctx, &cri.CreateContainerRequest{PodSandboxId: p.id, Config: config, SandboxConfig: p.config})
	if err != nil {
		return "", fmt.Errorf("create: %w", err)
	}
	defer func() {
		if _, removeErr := service.RemoveContainer(ctx, &cri.RemoveContainerRequest{ContainerId: made.ContainerId}); err == nil {
			err = removeErr
		}
	}()
	if _, err := service.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: made.ContainerId}); err != nil {
		return "", fmt.Errorf("start: %w", err)
	}
	var code int32
	err = programs.Poll(exitLimit, func() error {
		status, err := service.ContainerStatus(ctx, &cri.ContainerStatusRequest{ContainerId: made.ContainerId})
		if err == nil && status.Status.State != cri.ContainerState_CONTAINER_EXITED {
			err = fmt.Errorf("container is %s", status.Status.State)
		}
		code = status.GetStatus().GetExitCode()
		return err
	})
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(p.config.LogDirectory, config.LogPath))
	if err == nil && code != 0 {
		err = fmt.Errorf("exit code %d", code)
	}
	return plainLog(string(text)), err
}

// ImageRef is what CRI tells of a container's image: what becomes the pod's imageID.
func (p *Pod) ImageRef(ctx context.Context, image string) (reference string, err error) {
	p.number++
	service := p.daemon.Runtime
	made, err := service.CreateContainer(ctx, &cri.CreateContainerRequest{PodSandboxId: p.id, SandboxConfig: p.config, Config: &cri.ContainerConfig{
		Metadata: &cri.ContainerMetadata{Name: fmt.Sprintf("reference-%d", p.number)},
		Image:    &cri.ImageSpec{Image: image},
		Linux: &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{
			NamespaceOptions: p.config.Linux.SecurityContext.NamespaceOptions,
		}},
	}})
	if err != nil {
		return "", fmt.Errorf("create: %w", err)
	}
	status, err := service.ContainerStatus(ctx, &cri.ContainerStatusRequest{ContainerId: made.ContainerId})
	_, removed := service.RemoveContainer(ctx, &cri.RemoveContainerRequest{ContainerId: made.ContainerId})
	return status.GetStatus().GetImageRef(), errors.Join(err, removed)
}

// plainLog takes time, stream and tag away from the lines of a container's log.
func plainLog(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if parts := strings.SplitN(strings.TrimRight(line, "\n"), " ", 4); len(parts) == 4 {
			lines = append(lines, parts[3])
		}
	}
	return strings.Join(lines, "\n")
}

// RemovePods ends and removes all pods that there are, whoever started them.
func (d *Daemon) RemovePods() error {
	// Not the test's context: this is done when a test has ended.
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	list, err := d.Runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
	if err != nil {
		return err
	}
	for _, sandbox := range list.Items {
		pod := &Pod{daemon: d, id: sandbox.Id}
		err = errors.Join(err, pod.Stop(ctx))
	}
	return err
}
