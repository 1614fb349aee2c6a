// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/registries"
)

// second is the name of the look-up that is measured when its program makes it for the second time. Its requests and connections
// are those of both.
const second = "library, twice"

// withSecond adds a program that links the library and looks the same thing up two times.
func withSecond(lookups []registries.Lookup, dir string) ([]registries.Lookup, error) {
	library, err := programs.Find("lib", "librefract.so")
	if err != nil {
		return nil, err
	}
	program, folder := filepath.Join(dir, "twice"), filepath.Dir(library)
	compile := exec.Command("cc", "-std=c11", "-O2", "-Inative/include", "tests/library/testdata/twice.c", "-o", program,
		"-L"+folder, "-lrefract", "-Wl,-rpath,"+folder)
	if output, err := compile.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("cc twice.c: %w: %s", err, output)
	}
	return append(lookups, registries.With(second, program)), nil
}

// secondTime reads how long the second of the two look-ups took.
func secondTime(output string) (time.Duration, error) {
	fields := strings.Fields(output)
	if len(fields) != 4 {
		return 0, fmt.Errorf("the program printed %q, not two digests and times", output)
	}
	microseconds, err := strconv.ParseInt(fields[3], 10, 64)
	return time.Duration(microseconds) * time.Microsecond, err
}
