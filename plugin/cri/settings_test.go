// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Of several folders with hosts.toml, each registry's is the first that has one for it, or for all.
func TestFolderOfHosts(t *testing.T) {
	root := t.TempDir()
	here := func(names ...string) string { return filepath.Join(append([]string{root}, names...)...) }
	for _, folder := range []string{"second/registry.example", "third/registry.example", "third/_default", "third/docker.io", "third/with.port_5000_"} {
		if err := os.MkdirAll(here(folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	all := strings.Join([]string{here("first"), here("second"), here("third")}, string(filepath.ListSeparator))
	for _, c := range []struct{ path, host, want string }{
		{all, "registry.example", here("second")},
		{all, "docker.io", here("third")},
		{all, "with.port:5000", here("third")},
		{all, "elsewhere.example", here("third")}, // _default
		{here("first") + ":" + here("second"), "elsewhere.example", here("first")},
		{here("second"), "registry.example", here("second")},
		{"", "registry.example", ""},
	} {
		if got := (Settings{ConfigPath: c.path}).hostsFolder(c.host); got != c.want {
			t.Errorf("%s in %s: %q, want %q", c.host, c.path, got, c.want)
		}
	}
}
