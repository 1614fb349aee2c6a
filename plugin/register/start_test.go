// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package register

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/cmd/containerd/server"
	srvconfig "github.com/containerd/containerd/v2/cmd/containerd/server/config"
	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/plugin"
	"github.com/containerd/plugin/registry"

	"github.com/refract-oci/refract/plugin/policy"
)

// start loads the drop-in that we ship, with lines of the test's own in its policy, and starts as much of containerd as the
// transfer service needs.
func start(t *testing.T, change func(string) string) error {
	t.Helper()
	dropIn, err := os.ReadFile("../deploy/containerd/10-refract.toml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "10-refract.toml"), []byte(change(string(dropIn))), 0o600); err != nil {
		t.Fatal(err)
	}
	main := fmt.Sprintf("version = 3\nroot = %q\nstate = %q\nimports = [%q]\ndisabled_plugins = [%s]\n",
		filepath.Join(dir, "root"), filepath.Join(dir, "state"), filepath.Join(dir, "*.toml"), strings.Join(unneeded(), ", "))
	file := filepath.Join(dir, "config")
	if err := os.WriteFile(file, []byte(main), 0o600); err != nil {
		t.Fatal(err)
	}
	// A daemon starts once, and containerd decodes a plugin's lines into what was registered.
	for _, r := range registry.Graph(nil) {
		if policies, ok := r.Config.(*map[string]any); ok && r.Type == PluginType {
			*policies = policy.Default().Map()
		}
	}
	var config srvconfig.Config
	if err := srvconfig.LoadConfig(t.Context(), file, &config); err != nil {
		return err
	}
	if err := server.CreateTopLevelDirectories(&config); err != nil {
		t.Fatal(err)
	}
	running, err := server.New(t.Context(), &config)
	if err != nil {
		return err
	}
	running.Stop()
	return nil
}

// unneeded are the plugins that the transfer service does without.
func unneeded() []string {
	needed := map[plugin.Type]bool{plugins.TransferPlugin: true}
	all := registry.Graph(nil)
	for grown := true; grown; {
		grown = false
		for _, r := range all {
			for _, required := range r.Requires {
				if needed[r.Type] && !needed[required] {
					needed[required], grown = true, true
				}
			}
		}
	}
	var rest []string
	for _, r := range all {
		// Of the snapshotters and differs the plainest will do; others want kernel modules or programs.
		plain := slices.Contains([]string{"native", "overlayfs", "walking"}, r.ID)
		if !needed[r.Type] || (r.Type == plugins.SnapshotPlugin || r.Type == plugins.DiffPlugin) && !plain {
			rest = append(rest, fmt.Sprintf("%q", r.URI()))
		}
	}
	return rest
}

func TestStartWithOurDropIn(t *testing.T) {
	if err := start(t, func(dropIn string) string { return dropIn }); err != nil {
		t.Fatal(err)
	}
}

func TestBadPolicyStopsTheStart(t *testing.T) {
	cases := []struct {
		name     string
		from, to string
		words    []string
	}{
		{"unknown key", `references = "list"`, `references_ = "list"`, []string{"references_", "references"}},
		{"bad target", `image_target = "auto"`, `image_target = "automatic"`, []string{"image_target", "automatic", "manifest"}},
		{"bad references", `references = "list"`, `references = "yes"`, []string{"references", "yes", "fetch"}},
		{"bad type", `max_bytes = 268435456`, `max_bytes = "256 MiB"`, []string{"max_bytes", "256 MiB"}},
		{"bad list", `types = []`, `types = "sbom"`, []string{"types", "sbom"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := start(t, func(dropIn string) string {
				if strings.Count(dropIn, c.from) != 1 {
					t.Fatalf("the drop-in does not have %q once", c.from)
				}
				return strings.Replace(dropIn, c.from, c.to, 1)
			})
			if err == nil {
				t.Fatal("started")
			}
			for _, word := range append(c.words, "io.containerd.refract.v1.policy") {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("error %q lacks %q", err, word)
				}
			}
		})
	}
}

// Without the drop-in, and so without required_plugins, a bad policy still leaves no transfer service without one.
func TestBadPolicyFailsTheTransferPlugin(t *testing.T) {
	err := start(t, func(dropIn string) string {
		dropIn = strings.Replace(dropIn, `"io.containerd.refract.v1.policy", `, "", 1)
		return strings.Replace(dropIn, `references = "list"`, `references = "yes"`, 1)
	})
	if err == nil || !strings.Contains(err.Error(), "io.containerd.transfer.v1.local") || !strings.Contains(err.Error(), "references") {
		t.Fatalf("error %v", err)
	}
}
