// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/kubernetes/scheme"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// manifests are what kustomize makes of a folder, decoded as the API server does where it is told to be strict.
type manifests struct {
	kinds     []string
	config    *corev1.ConfigMap
	daemonset *appsv1.DaemonSet
}

func build(t *testing.T, folder string) manifests {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(sources, "kubernetes", folder))
	if err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	var made manifests
	for _, resource := range built.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		object, kind, err := decoder.Decode(text, nil, nil)
		if err != nil {
			t.Fatalf("%s: %v\n%s", resource.CurId(), err, text)
		}
		made.kinds = append(made.kinds, kind.Kind)
		switch typed := object.(type) {
		case *corev1.ConfigMap:
			made.config = typed
		case *appsv1.DaemonSet:
			made.daemonset = typed
		}
		if kind.Kind != "Namespace" && resource.GetNamespace() != "refract-system" {
			t.Errorf("%s is in namespace %q", resource.CurId(), resource.GetNamespace())
		}
	}
	return made
}

func TestManifests(t *testing.T) {
	for folder, want := range map[string]struct{ mode, command string }{
		"base": {"refractd", "install"}, "containerd": {"containerd", "install"}, "cleanup": {"refractd", "uninstall"},
	} {
		t.Run(folder, func(t *testing.T) {
			made := build(t, folder)
			if kinds := slices.Sorted(slices.Values(made.kinds)); !slices.Equal(kinds, []string{"ConfigMap", "DaemonSet", "Namespace", "ServiceAccount"}) {
				t.Errorf("kinds %v", kinds)
			}
			if made.config.Data["mode"] != want.mode {
				t.Errorf("mode %q", made.config.Data["mode"])
			}
			checkDaemonSet(t, made.daemonset, made.config, want.command)
			verifies := made.daemonset.Spec.Template.Spec.Containers[0].ReadinessProbe != nil
			if verifies != (want.command == "install") {
				t.Errorf("verifies: %v", verifies)
			}
		})
	}
}

func checkDaemonSet(t *testing.T, set *appsv1.DaemonSet, config *corev1.ConfigMap, command string) {
	t.Helper()
	pod := set.Spec.Template.Spec
	for key, value := range set.Spec.Selector.MatchLabels {
		if set.Spec.Template.Labels[key] != value {
			t.Errorf("the selector wants %s=%s, the pods have %v", key, value, set.Spec.Template.Labels)
		}
		if problems := validation.IsValidLabelValue(value); len(problems) > 0 {
			t.Error(problems)
		}
	}
	if !pod.HostPID || pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		t.Error("want the host's processes, and no token for the API server")
	}
	if len(pod.Tolerations) != 1 || pod.Tolerations[0] != (corev1.Toleration{Operator: corev1.TolerationOpExists}) {
		t.Errorf("tolerations %v", pod.Tolerations)
	}
	for _, volume := range pod.Volumes {
		if volume.HostPath != nil {
			t.Errorf("volume %s is the host's %s", volume.Name, volume.HostPath.Path)
		}
		if volume.ConfigMap != nil && volume.ConfigMap.Name != config.Name {
			t.Errorf("volume %s is of %s", volume.Name, volume.ConfigMap.Name)
		}
		for _, item := range volume.ConfigMap.Items {
			if _, there := config.Data[item.Key]; !there {
				t.Errorf("the ConfigMap has no %s", item.Key)
			}
		}
	}
	if got := pod.InitContainers[0].Args; !slices.Equal(got, []string{command}) {
		t.Errorf("runs %v", got)
	}
	for _, container := range append(slices.Clone(pod.InitContainers), pod.Containers...) {
		if container.SecurityContext == nil || container.SecurityContext.Privileged == nil || !*container.SecurityContext.Privileged {
			t.Errorf("%s cannot enter the host", container.Name)
		}
		for _, variable := range container.Env {
			if from := variable.ValueFrom; from != nil && (from.ConfigMapKeyRef.Name != config.Name || config.Data[from.ConfigMapKeyRef.Key] == "") {
				t.Errorf("%s is of %v", variable.Name, from)
			}
		}
		for _, mount := range container.VolumeMounts {
			if !slices.ContainsFunc(pod.Volumes, func(volume corev1.Volume) bool { return volume.Name == mount.Name }) {
				t.Errorf("%s mounts %s", container.Name, mount.Name)
			}
		}
	}
}

// A misspelt field is refused, not dropped: that is what the decoding above is worth.
func TestDecodingIsStrict(t *testing.T) {
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	if _, _, err := decoder.Decode([]byte("apiVersion: v1\nkind: ConfigMap\ndatta: {}\n"), nil, nil); !runtime.IsStrictDecodingError(err) {
		t.Errorf("%v", err)
	}
}

func TestKubeletSnippet(t *testing.T) {
	types := runtime.NewScheme()
	if err := kubeletv1beta1.AddToScheme(types); err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(types, serializer.EnableStrict).UniversalDeserializer()
	object, _, err := decoder.Decode([]byte(read(t, filepath.Join(sources, "kubelet/10-refract.conf"))), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	config, ok := object.(*kubeletv1beta1.KubeletConfiguration)
	if !ok || config.ImageServiceEndpoint != "unix:///run/refractd/refractd.sock" || config.ContainerRuntimeEndpoint != "" {
		t.Errorf("%+v", object)
	}
}

// Of the image's definition, what can be looked at without building it: its stages, and that what they copy is made.
func TestContainerfile(t *testing.T) {
	var stages, copies []string
	var entrypoint string
	for line := range strings.Lines(read(t, filepath.Join(sources, "image/Containerfile"))) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		switch fields[0] {
		case "FROM":
			stages = append(stages, fields[1])
		case "COPY":
			if strings.HasPrefix(fields[1], "--from=build") {
				copies = append(copies, strings.TrimPrefix(fields[2], "/out"))
				if strings.TrimPrefix(fields[2], "/out") != fields[3] {
					t.Errorf("%s becomes %s", fields[2], fields[3])
				}
			}
		case "ENTRYPOINT":
			entrypoint = strings.Trim(fields[1], `[]"`)
		case "WORKDIR", "RUN", "CMD":
		default:
			t.Errorf("instruction %s", fields[0])
		}
	}
	if len(stages) != 2 || !strings.HasSuffix(stages[0], "-bookworm") || !strings.HasSuffix(stages[1], ":bookworm-slim") {
		t.Errorf("stages %v: the C library of both has to be the same", stages)
	}
	prefix := newBundle(t, program("v1"))
	for _, path := range append(copies, entrypoint) {
		if !strings.HasPrefix(path, "/usr/local/") || len(tree(t, filepath.Join(prefix, strings.TrimPrefix(path, "/usr/local/")))) == 0 {
			t.Errorf("%s is not made", path)
		}
	}
}
