// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package kubelet

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// world is what all tests share: the programs, a folder, and a registry with every shape.
type world struct {
	tools   harness.Tools
	dir     string
	serving *registry.Server
	shapes  []shapes.Shape
	sandbox string
}

var shared world

func TestMain(m *testing.M) { harness.Main("kubelet", &shared, m) }

func (w *world) Open() error {
	var err error
	if w.tools, w.dir, err = harness.Begin("kubelet"); err != nil {
		return err
	}
	if w.serving, err = registry.Listen(); err != nil {
		return err
	}
	w.shapes = append(shapes.EndToEnd(), shapes.BehindArtifacts(200))
	for _, shape := range w.shapes {
		w.serving.Add(shape.Name, shape, "latest")
		for _, use := range uses {
			w.serving.Add(use.name+"/"+shape.Name, shape, "latest")
		}
	}
	w.serving.Add("sandbox", shapes.Sandbox(), "latest")
	w.sandbox = w.serving.Host() + "/sandbox:latest"
	return nil
}

// Summary is the table of pods.
func (w *world) Summary() error { return printSummary() }

func (w *world) Close(failed bool) error {
	var failures []error
	if w.serving != nil {
		failures = append(failures, w.serving.Close())
	}
	if failed && w.dir != "" {
		fmt.Fprintln(os.Stderr, "kubelet: logs and configurations are kept in", w.dir)
	} else if w.dir != "" {
		failures = append(failures, os.RemoveAll(w.dir))
	}
	return errors.Join(failures...)
}
