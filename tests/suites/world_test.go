// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package suites

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/refract-oci/refract/tests/e2e/harness"
)

// world is what the tests share.
type world struct {
	tools   harness.Tools
	dir     string
	expect  expectations
	results []result
}

var shared world

func TestMain(m *testing.M) { harness.Main("suites", &shared, m) }

func (w *world) Open() error {
	var err error
	if w.expect, err = readExpectations(); err != nil {
		return err
	}
	w.tools, w.dir, err = harness.Begin("suites")
	return err
}

// Summary prints the table, and leaves it in the file that REFRACT_SUMMARY names, because go test shows nothing of what passes.
func (w *world) Summary() error {
	var text strings.Builder
	fmt.Fprintf(&text, "%-8s %-9s %-20s %6s %6s\n", "suite", "images", "client", "pass", "fail")
	for _, r := range w.results {
		fmt.Fprintf(&text, "%-8s %-9s %-20s %6d %6d\n", r.suite, r.images, r.client, len(r.passed), len(r.failed))
	}
	for _, r := range w.results {
		for _, spec := range r.again {
			fmt.Fprintf(&text, "passed when it ran again: %s, %s, %s: %s\n", r.suite, r.images, r.client, spec)
		}
	}
	fmt.Print(text.String())
	if file := os.Getenv("REFRACT_SUMMARY"); file != "" {
		return os.WriteFile(file, []byte(text.String()), 0o600)
	}
	return nil
}

func (w *world) Close(failed bool) error {
	if failed && w.dir != "" {
		fmt.Fprintln(os.Stderr, "suites: logs and reports are kept in", w.dir)
		return nil
	}
	return os.RemoveAll(w.dir)
}

// folder makes one of a test's own, with a short name, because sockets are in it.
func (w *world) folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(w.dir, "")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// tidy takes away what is large in a test's folder; what tells why it failed stays until all tests have run.
func tidy(t *testing.T, dir string) {
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, "root")), os.RemoveAll(filepath.Join(dir, "state"))); err != nil {
		t.Error(err)
	}
}

func sorted[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }
