// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// world is what most tests share: the registries with all shapes, and one daemon of each kind.
type world struct {
	tools  harness.Tools
	dir    string
	shapes []shapes.Shape

	storing *harness.Registry // distribution
	serving *registry.Server  // for what distribution refuses

	refract, stock, behind lazyDaemon // behind: stock behind refractd
	sandbox                string
}

type lazyDaemon struct {
	once   sync.Once
	daemon *harness.Daemon
	pod    *harness.Pod
	// empty is what there is in the namespace of pods when no image is pulled but the pod's own.
	empty harness.Contents
	err   error
}

var shared world

func TestMain(m *testing.M) { harness.Main("e2e", &shared, m) }

func (w *world) Open() error {
	var err error
	if w.tools, w.dir, err = harness.Begin("e2e"); err != nil {
		return err
	}
	if w.storing, err = harness.StartRegistry(harness.Distribution, w.dir); err != nil {
		return err
	}
	if w.serving, err = registry.Listen(); err != nil {
		return err
	}
	w.shapes = shapes.EndToEnd()
	for _, shape := range w.shapes {
		w.serving.Add(shape.Name, shape, "latest")
		if shape.ServeBytes {
			continue
		}
		if err := registry.Push(context.Background(), w.storing.Host, shape.Name, shape, "latest"); err != nil {
			return err
		}
	}
	w.serving.Add("sandbox", shapes.Sandbox(), "latest")
	w.sandbox = w.serving.Host() + "/sandbox:latest"
	return nil
}

// Summary is the table of shapes.
func (w *world) Summary() error { return printSummary() }

func (w *world) Close(failed bool) error {
	var failures []error
	for _, lazy := range []*lazyDaemon{&w.refract, &w.stock, &w.behind} {
		if lazy.daemon == nil {
			continue
		}
		if lazy.pod != nil {
			failures = append(failures, lazy.pod.Stop(context.Background()))
		}
		failures = append(failures, lazy.daemon.Close())
	}
	if w.serving != nil {
		failures = append(failures, w.serving.Close())
	}
	if w.storing != nil {
		failures = append(failures, w.storing.Close())
	}
	if failed && w.dir != "" {
		fmt.Fprintln(os.Stderr, "e2e: logs and configurations are kept in", w.dir)
		for _, big := range []string{"content", "refract/root", "stock/root", "behind/root"} {
			failures = append(failures, os.RemoveAll(filepath.Join(w.dir, big)))
		}
	} else if w.dir != "" {
		failures = append(failures, os.RemoveAll(w.dir))
	}
	return errors.Join(failures...)
}

// refractDaemon is the shared containerd-refract, with its defaults.
func refractDaemon(t testing.TB) *harness.Daemon {
	t.Helper()
	return shared.refract.get(t, "refract", harness.StartRefract).daemon
}

// stockDaemon is the shared containerd as it is.
func stockDaemon(t testing.TB) *harness.Daemon {
	t.Helper()
	return shared.stock.get(t, "stock", harness.StartStock).daemon
}

// behindDaemon is the shared containerd as it is, behind refractd with its defaults.
func behindDaemon(t testing.TB) *harness.Daemon {
	t.Helper()
	return shared.behind.get(t, "behind", harness.StartBehindRefractd).daemon
}

// goarch is the architecture of this machine, as platforms name it.
const goarch = runtime.GOARCH

type starter func(harness.Tools, string, harness.Config) (*harness.Daemon, error)

func (l *lazyDaemon) get(t testing.TB, name string, start starter) *lazyDaemon {
	t.Helper()
	l.once.Do(func() {
		dir := filepath.Join(shared.dir, name)
		if l.err = os.Mkdir(dir, 0o700); l.err != nil {
			return
		}
		if l.daemon, l.err = start(shared.tools, dir, harness.Config{Sandbox: shared.sandbox}); l.err != nil {
			return
		}
		if l.pod, l.err = l.daemon.StartPod(context.Background(), "pod-"+name); l.err != nil {
			return
		}
		l.empty, l.err = l.daemon.Contents(context.Background(), criNamespace)
	})
	if l.err != nil {
		t.Fatalf("%s: %v", name, l.err)
	}
	return l
}

// ownDaemon starts a containerd-refract of the test's own, and ends it with the test.
func ownDaemon(t testing.TB, config harness.Config) *harness.Daemon {
	t.Helper()
	return start(t, harness.StartRefract, config)
}

func start(t testing.TB, with starter, config harness.Config) *harness.Daemon {
	t.Helper()
	dir, err := os.MkdirTemp(shared.dir, "own-")
	if err != nil {
		t.Fatal(err)
	}
	if config.Sandbox == "" {
		config.Sandbox = shared.sandbox
	}
	daemon, err := with(shared.tools, dir, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := daemon.Log() // shown as far as it can be read
			t.Logf("the daemon's log ends with:\n%s", lastLines(log, 30))
			if daemon.Front != nil {
				log, _ := daemon.Front.Log()
				t.Logf("refractd's log ends with:\n%s", lastLines(log, 30))
			}
		}
		if err := daemon.Close(); err != nil {
			t.Errorf("stop: %v", err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove: %v", err)
		}
	})
	return daemon
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// repository is where a shape is, without tag or digest.
func (w *world) repository(shape shapes.Shape) string {
	if shape.ServeBytes {
		return w.serving.Host() + "/" + shape.Name
	}
	return w.storing.Host + "/" + shape.Name
}

func (w *world) tag(shape shapes.Shape) string { return w.repository(shape) + ":latest" }

// names are the two ways to name a shape's root.
func (w *world) names(shape shapes.Shape) map[string]string {
	return map[string]string{
		"tag":    w.tag(shape),
		"digest": w.repository(shape) + "@" + shape.Root.Digest.String(),
	}
}

// runnable are the shapes that must be pulled; the others must be refused.
func (w *world) runnable() (runnable, refused []shapes.Shape) {
	for _, shape := range w.shapes {
		if shape.Output == "" {
			refused = append(refused, shape)
		} else {
			runnable = append(runnable, shape)
		}
	}
	return runnable, refused
}

func byName(t testing.TB, name string) shapes.Shape {
	t.Helper()
	at := slices.IndexFunc(shared.shapes, func(shape shapes.Shape) bool { return shape.Name == name })
	if at < 0 {
		t.Fatalf("no shape is named %q", name)
	}
	return shared.shapes[at]
}
