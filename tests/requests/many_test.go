// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package requests

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/registries"
	"github.com/refract-oci/refract/tests/shapes"
)

const many = 1000

// TestManyReferences is about an image to which many artifacts are attached.
func TestManyReferences(t *testing.T) {
	refract, err := programs.Find("bin", "refract")
	if err != nil {
		t.Fatal(err)
	}
	r, shape := registries.StartFor(t, registries.Options{Kind: registries.Distribution}), shapes.BehindArtifacts(many)
	push(t, r, shape)
	t.Run("listing the index costs nothing else", func(t *testing.T) { listIndex(t, refract, r, shape) })
	t.Run("getting all takes one connection", func(t *testing.T) { getAll(t, refract, r, shape) })
}

// listIndex: what is listed of an index's artifacts is in the index.
func listIndex(t *testing.T, refract string, r *registries.Registry, shape shapes.Shape) {
	t.Helper()
	output, err := r.Run(t.Context(), refract, "references", "ls", "--source", "index", r.Host+"/"+repository+":v1")
	if err != nil {
		t.Fatal(err)
	}
	counts := counted(t, r)
	oneConnection(t, counts)
	if counts.Total() != 1 {
		t.Errorf("there were %s", counts)
	}
	entries, err := shape.Entries()
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries[:many] {
		// A table may abbreviate digests.
		if !strings.Contains(output, entry.Digest.Encoded()[:12]) {
			t.Fatalf("%s is not listed:\n%s", entry.Digest, output)
		}
	}
}

// getAll: as many manifests and payloads come by one connection, and each once.
func getAll(t *testing.T, refract string, r *registries.Registry, shape shapes.Shape) {
	t.Helper()
	dir := t.TempDir()
	if _, err := r.Run(t.Context(), refract, "references", "get", "--all", "-o", dir, r.Host+"/"+repository+":v1"); err != nil {
		t.Fatal(err)
	}
	counts, asked := counted(t, r), map[string]int{}
	oneConnection(t, counts)
	for _, request := range counts.Requests {
		asked[request.Target]++
	}
	for target, times := range asked {
		if times > 1 {
			t.Errorf("%s was asked for %d times", target, times)
		}
	}
	written := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		written[string(content)] = true
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for d, content := range shape.Blobs {
		if strings.HasPrefix(string(content), `{"scan":`) && !written[string(content)] {
			t.Errorf("the payload %s was not written", d)
		}
	}
}
