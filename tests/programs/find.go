// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package programs finds what make has built, starts it in the background, waits for it, and ends it by its process id.
package programs

import (
	"fmt"
	"os"
	"path/filepath"
)

// Find returns where a program is: its path in $REFRACT_BUILD, or else in the build folder of this checkout, as make leaves
// it. What is missing is an error: a test that cannot run has not passed.
func Find(path ...string) (string, error) {
	build, err := folder()
	if err != nil {
		return "", err
	}
	program := filepath.Join(append([]string{build}, path...)...)
	if _, err := os.Stat(program); err != nil {
		return "", fmt.Errorf("no program to test with: %w (run \"make build\" and \"make tools\", or set REFRACT_BUILD)", err)
	}
	return program, nil
}

func folder() (string, error) {
	if build := os.Getenv("REFRACT_BUILD"); build != "" {
		return build, nil
	}
	root, err := moduleRoot()
	return filepath.Join(root, "build"), err
}

// moduleRoot is the nearest folder upwards with a go.mod.
func moduleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod in %s or above it", start)
		}
	}
}
