// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package producers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/registries"
)

// place is a registry that things are attached in.
type place struct {
	*registries.Registry
	kind registries.Kind
	api  bool // whether it has the referrers API
}

// world is what the tests share: a registry of each kind, and a node.
type world struct {
	dir     string
	tools   harness.Tools
	refract string
	places  []*place
	node    *harness.Daemon
	base    base
	keys    cosignKeys
	table   table
}

var shared world

func TestMain(m *testing.M) { harness.Main("producers", &shared, m) }

func (w *world) Open() error {
	var err error
	if w.tools, w.dir, err = harness.Begin("producers"); err != nil {
		return err
	}
	if w.refract, err = programs.Find("bin", "refract"); err != nil {
		return err
	}
	for _, kind := range []registries.Kind{registries.Distribution, registries.Docker, registries.GoContainerRegistry} {
		dir := filepath.Join(w.dir, string(kind))
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		started, err := registries.Start(dir, registries.Options{Kind: kind, Plain: true})
		if err != nil {
			return err
		}
		w.places = append(w.places, &place{Registry: started, kind: kind, api: kind == registries.GoContainerRegistry})
	}
	if w.base, err = makeBase(); err != nil {
		return err
	}
	if err := w.keys.make(w.dir); err != nil {
		return err
	}
	dir := filepath.Join(w.dir, "node")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	w.node, err = harness.StartRefract(w.tools, dir, harness.Config{Policy: w.policy()})
	return err
}

// everywhere is where the node looks besides an image's index.
const everywhere = `discover = ["digest-tag", "referrers", "cosign"]`

// policy fetches all there is; of repositories below "signed" it requires a signature.
func (w *world) policy() string {
	text := "references = \"fetch\"\n" + everywhere + "\n"
	var rules []string
	for _, place := range w.places {
		rules = append(rules, fmt.Sprintf("{ match = %q, required = [\"signature\"] }", place.Host+"/signed/*"))
	}
	return text + "rules = [" + strings.Join(rules, ", ") + "]\n"
}

// Summary is the table of producers and readers.
func (w *world) Summary() error { return w.table.print(os.Getenv("REFRACT_SUMMARY")) }

func (w *world) Close(failed bool) error {
	var failures []error
	if w.node != nil {
		failures = append(failures, w.node.Close())
	}
	for _, place := range w.places {
		failures = append(failures, place.Close())
	}
	if failed && w.dir != "" {
		fmt.Fprintln(os.Stderr, "producers: logs and configurations are kept in", w.dir)
		failures = append(failures, os.RemoveAll(filepath.Join(w.dir, "node", "root")))
	} else if w.dir != "" {
		failures = append(failures, os.RemoveAll(w.dir))
	}
	return errors.Join(failures...)
}

// everyPlace runs a test in each registry; where only the API matters, in one that has it and one that has not.
func everyPlace(t *testing.T, test func(t *testing.T, at *place)) {
	t.Helper()
	for _, at := range shared.places {
		t.Run(string(at.kind), func(t *testing.T) { test(t, at) })
	}
}

// table counts what each reader finds of what each producer made.
type table struct {
	mu    sync.Mutex
	order []string
	rows  map[string]map[string]int
}

// readers are the columns.
var readers = []string{"made", "refract", oneImage, allImages, "regctl", "oras", "cosign"}

func (t *table) add(producer, reader string, found int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rows == nil {
		t.rows = map[string]map[string]int{}
	}
	if t.rows[producer] == nil {
		t.rows[producer] = map[string]int{}
		t.order = append(t.order, producer)
	}
	t.rows[producer][reader] += found
}

// print writes the table to that file, or to the standard output.
func (t *table) print(path string) error {
	var text strings.Builder
	line := func(cells ...any) { fmt.Fprintf(&text, "%-38s"+strings.Repeat("%10v", len(readers))+"\n", cells...) }
	header := []any{"attached things, each once"}
	for _, reader := range readers {
		header = append(header, reader)
	}
	line(header...)
	for _, producer := range t.order {
		cells := []any{producer}
		for _, reader := range readers {
			if count, asked := t.rows[producer][reader]; asked {
				cells = append(cells, count)
			} else {
				cells = append(cells, "-")
			}
		}
		line(cells...)
	}
	if path == "" {
		_, err := fmt.Print(text.String())
		return err
	}
	return os.WriteFile(path, []byte(text.String()), 0o644)
}
