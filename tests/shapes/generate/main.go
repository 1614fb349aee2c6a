// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Command generate writes tests/testdata from the shapes: go run ./tests/shapes/generate [directory].
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/refract-oci/refract/tests/shapes"
)

func main() {
	directory := filepath.Join("tests", "testdata")
	if len(os.Args) > 1 {
		directory = os.Args[1]
	}
	if err := write(directory); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// write replaces the directory, so that nothing stays of a case that is gone.
func write(directory string) error {
	if err := os.RemoveAll(directory); err != nil {
		return err
	}
	cases := 0
	for _, shape := range shapes.Testdata() {
		if shape.Large() {
			continue
		}
		files, err := shape.Files()
		if err != nil {
			return err
		}
		for name, content := range files {
			file := filepath.Join(directory, shape.Name, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(file, content, 0o644); err != nil {
				return err
			}
		}
		cases++
	}
	fmt.Printf("%d cases in %s\n", cases, directory)
	return nil
}
