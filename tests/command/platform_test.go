// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"testing"

	"github.com/refract-oci/refract/tests/shapes"
)

// TestAnArchitectureAloneMeansLinux: and names are read as containerd reads them, in capitals, too.
func TestAnArchitectureAloneMeansLinux(t *testing.T) {
	shape := shapes.ByName("multi-platform")
	p := newPlace(t)
	for _, from := range everywhere(t, shape) {
		for _, names := range [][]string{
			{"linux/amd64", "amd64", "AMD64", "x86_64", "Linux/AMD64", "linux/amd64/v1"},
			{"linux/arm64", "arm64", "aarch64", "linux/arm64/v8", "LINUX/ARM64/8"},
		} {
			want := p.run("select", "--platform", names[0], from.image)
			if want.code != 0 || want.out == "" {
				t.Fatalf("%s: %s: %+v", from.name, names[0], want)
			}
			for _, name := range names[1:] {
				if got := p.prints("select", "--platform", name, from.image); got != want.out {
					t.Errorf("%s: %q selects %q, %q selects %q", from.name, names[0], want.out, name, got)
				}
			}
		}
	}
}

// TestWhatIsNoPlatformIsWrongUsage: and the reason is said, before anything is asked of a registry.
func TestWhatIsNoPlatformIsWrongUsage(t *testing.T) {
	p := newPlace(t)
	for name, reason := range map[string]string{
		"linux/amd64,linux/arm64":     "give one",
		"linux/*":                     "wildcards",
		" linux/amd64":                "blank",
		"linux/amd64\n":               "blank",
		"windows/amd64:10.0.17763":    "windows(10.0.17763)/amd64",
		"linux/":                      "no architecture",
		"bogus":                       "neither an operating system nor an architecture",
		"linux/amd64/v2/more":         "more than three",
		"linux/\x1b[2J":               "character",
		"windows(10.0.17763/amd64":    "closed",
		"windows(10.0.17763+)/amd64":  "feature",
		"windows(10.0.17763%2)/amd64": "hexadecimal",
	} {
		for _, command := range [][]string{{"select"}, {"references", "ls"}, {"references"}, {"inspect"}, {"references", "get"}} {
			p.fails(2, []string{"--platform", "no platform", reason}, append(command, "--platform", name, "127.0.0.1:1/image")...)
		}
	}
}
