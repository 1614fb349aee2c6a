// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cases_test

import (
	"io/fs"
	"os"
	"testing"

	"github.com/refract-oci/refract/tests/cases"
	"github.com/refract-oci/refract/tests/shapes"
)

func TestTestdata(t *testing.T) {
	testdata := os.DirFS("../testdata")
	folders, err := fs.ReadDir(testdata, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		t.Run(folder.Name(), func(t *testing.T) {
			replayed, err := cases.Read(testdata, folder.Name())
			if err != nil {
				t.Fatal(err)
			}
			replay(t, replayed)
		})
	}
	t.Logf("replayed %d cases of tests/testdata", len(folders))
}

// What is too large for tests/testdata is built here.
func TestLargeShapes(t *testing.T) {
	large := 0
	for _, shape := range shapes.Testdata() {
		if !shape.Large() {
			continue
		}
		large++
		t.Run(shape.Name, func(t *testing.T) { replay(t, cases.Of(shape)) })
	}
	t.Logf("replayed %d large cases", large)
}

// What a walk over it lists is only a part of what is attached.
func TestEverySource(t *testing.T) {
	shape, all := shapes.EverySource()
	replay(t, cases.Of(shape))
	if len(all) <= len(shape.Expect.References) {
		t.Errorf("%d references, and %d of them in the root", len(all), len(shape.Expect.References))
	}
}

func replay(t *testing.T, replayed cases.Case) {
	t.Helper()
	differences, err := replayed.Replay()
	if err != nil {
		t.Fatal(err)
	}
	for _, difference := range differences {
		t.Error(difference)
	}
}
