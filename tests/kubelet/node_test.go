// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package kubelet

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/refract-oci/refract/tests/e2e/harness"
)

const namespace = "k8s.io"

// way is how a node has refract, or that it has not.
type way struct {
	name       string
	containerd func(tools harness.Tools, dir string, config harness.Config) (*harness.Daemon, error)
}

// ours are the ways in which pods run from extended indexes.
var ours = []way{
	{"containerd-refract", harness.StartRefract},
	{"refractd and stock containerd", harness.StartBehindRefractd},
}

var stock = way{"stock containerd", harness.StartStock}

// node is a containerd and a kubelet that uses it.
type node struct {
	daemon  *harness.Daemon
	kubelet *harness.Kubelet
	// empty is what there is when no image is pulled but that of pods.
	empty harness.Contents
}

// start starts a node of the test's own, and ends it with the test. Policy are lines of refract's configuration.
func (w way) start(t *testing.T, policy string, config harness.KubeletConfig) *node {
	t.Helper()
	dir, err := os.MkdirTemp(shared.dir, "")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{}
	t.Cleanup(func() { n.close(t, dir) })
	folders := map[string]string{}
	for _, name := range []string{"containerd", "kubelet"} {
		folders[name] = filepath.Join(dir, name)
		if err := os.Mkdir(folders[name], 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// Refractd has to be told what containerd knows as the pods' own image.
	pinned := fmt.Sprintf("image.pinned = [%q]\n", shared.sandbox)
	n.daemon, err = w.containerd(shared.tools, folders["containerd"], harness.Config{Sandbox: shared.sandbox, Policy: policy, Refractd: pinned})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.daemon.CRIPull(t.Context(), shared.sandbox); err != nil {
		t.Fatal(err)
	}
	n.empty = n.contents(t)
	config.Runtime = n.daemon.Socket
	if n.daemon.Front != nil {
		config.Images = n.daemon.Front.Socket
	}
	if n.kubelet, err = harness.StartKubelet(folders["kubelet"], config); err != nil {
		t.Fatal(err)
	}
	return n
}

// logs are what its programs write.
func (n *node) logs() map[string]func() (string, error) {
	logs := map[string]func() (string, error){"kubelet": n.kubelet.Log, "containerd": n.daemon.Log}
	if n.daemon.Front != nil {
		logs["refractd"] = n.daemon.Front.Log
	}
	return logs
}

// close ends kubelet, the pods that it leaves running, and containerd.
func (n *node) close(t *testing.T, dir string) {
	if n.kubelet != nil {
		if t.Failed() {
			log, _ := n.kubelet.Log() // shown as far as it can be read
			t.Logf("kubelet's log ends with:\n%s", lastLines(log, 30))
		}
		if err := n.kubelet.Stop(); err != nil {
			t.Errorf("stop kubelet: %v", err)
		}
	}
	if n.daemon != nil {
		if err := n.daemon.RemovePods(); err != nil {
			t.Errorf("remove pods: %v", err)
		}
		if err := n.daemon.Close(); err != nil {
			t.Errorf("stop containerd: %v", err)
		}
	}
	// What a failed test leaves there is to be looked at, but for what is large.
	failed := dir
	if t.Failed() {
		failed = filepath.Join(dir, "containerd", "root")
	}
	if err := os.RemoveAll(failed); err != nil {
		t.Error(err)
	}
}

// contents is what is there after containerd's garbage collector has run.
func (n *node) contents(t *testing.T) harness.Contents {
	t.Helper()
	if err := n.daemon.Collect(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	all, err := n.daemon.Contents(t.Context(), namespace)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
