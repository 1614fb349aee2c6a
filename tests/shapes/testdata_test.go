// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"testing"
)

const regenerate = "run: go run ./tests/shapes/generate"

func TestTestdataIsUpToDate(t *testing.T) {
	want := map[string][]byte{}
	for _, shape := range Testdata() {
		if shape.Large() {
			continue
		}
		files, err := shape.Files()
		if err != nil {
			t.Fatal(err)
		}
		for name, content := range files {
			want[path.Join(shape.Name, name)] = content
		}
	}
	have := os.DirFS("../testdata")
	err := fs.WalkDir(have, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(have, name)
		if err != nil {
			return err
		}
		expected, known := want[name]
		switch {
		case !known:
			t.Errorf("tests/testdata/%s belongs to no shape (%s)", name, regenerate)
		case !bytes.Equal(content, expected):
			t.Errorf("tests/testdata/%s is out of date (%s)", name, regenerate)
		}
		delete(want, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range want {
		t.Errorf("tests/testdata/%s is missing (%s)", name, regenerate)
	}
}

func TestShapesAreSound(t *testing.T) {
	names := map[string]bool{}
	for _, shape := range append(EndToEnd(), Documents()...) {
		t.Run(shape.Name, func(t *testing.T) {
			if names[shape.Name] {
				t.Error("two shapes have this name")
			}
			names[shape.Name] = true
			if shape.About == "" {
				t.Error("says nothing about itself")
			}
			if _, has := shape.Blobs[shape.Root.Digest]; !has {
				t.Error("has no root")
			}
		})
	}
}

func TestBadDigestShapes(t *testing.T) {
	shapes := BadDigestShapes()
	if want := 6 * 40; len(shapes) < want {
		t.Errorf("%d bad digests in all places, want %d at least", len(shapes), want)
	}
	for _, shape := range shapes {
		if (shape.Output == "") != (len(shape.Refusal) > 0) {
			t.Errorf("%s: output %q, but refused with %q", shape.Name, shape.Output, shape.Refusal)
		}
	}
}

func TestEndToEndShapesRunOrAreRefused(t *testing.T) {
	for _, shape := range EndToEnd() {
		if (shape.Output == "") != (len(shape.Refusal) > 0) {
			t.Errorf("%s: output %q, but refused with %q", shape.Name, shape.Output, shape.Refusal)
		}
		if shape.Output != "" && shape.Blobs[shape.Selected] == nil {
			t.Errorf("%s runs, but nothing is selected", shape.Name)
		}
		if len(shape.Manifests) == 0 || shape.Manifests[len(shape.Manifests)-1] != shape.Root.Digest {
			t.Errorf("%s: the root is not pushed last", shape.Name)
		}
		if ByName(shape.Name).Root.Digest != shape.Root.Digest {
			t.Errorf("%s is not built the same twice", shape.Name)
		}
	}
}
