// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/containerd/containerd/v2/plugins/snapshots/overlay/overlayutils"
)

// Config is what is asked of a daemon besides the defaults of these tests.
type Config struct {
	// Top are lines before the first section; Sections are whole sections of the file.
	Top, Sections string
	// Disabled are further plugins that do not start.
	Disabled []string
	// Policy are the lines of refract's own section; only containerd-refract knows it, and refractd has them in its own file.
	Policy string
	// Refractd are further keys of the file of a refractd in front, by their dotted names.
	Refractd string
	// Flags are refractd's.
	Flags []string
	// Images are lines of CRI's image section.
	Images string
	// Sandbox is the image of pods.
	Sandbox string
	// Mirror is a registry on plain HTTP that is asked in place of every other one.
	Mirror string
}

// required makes the start stop where refract's configuration is wrong, as our drop-in for containerd does.
const required = `required_plugins = ["io.containerd.refract.v1.policy", "io.containerd.transfer.v1.local"]` + "\n"

const network = `{"cniVersion":"1.0.0","name":"test","plugins":[{"type":"bridge","bridge":"refract-test0","isGateway":true,` +
	`"ipMasq":true,"ipam":{"type":"host-local","ranges":[[{"subnet":"10.199.0.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]}},{"type":"portmap","capabilities":{"portMappings":true}}]}`

// snapshotter is overlayfs where the folder's file system can carry it.
func snapshotter(dir string) string {
	if overlayutils.Supported(dir) == nil {
		return "overlayfs"
	}
	return "native"
}

// write writes the daemon's configuration, and the folders that it names.
func (c Config) write(d *Daemon) error {
	hosts := filepath.Join(d.dir, "certs.d", "_default")
	networks := filepath.Join(d.dir, "net.d")
	if err := errors.Join(os.MkdirAll(hosts, 0o755), os.MkdirAll(networks, 0o755)); err != nil {
		return err
	}
	if c.Mirror != "" {
		text := fmt.Sprintf("[host.%q]\n  capabilities = [\"pull\", \"resolve\"]\n", "http://"+c.Mirror)
		if err := os.WriteFile(filepath.Join(hosts, "hosts.toml"), []byte(text), 0o600); err != nil {
			return err
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "version = 3\nroot = %q\nstate = %q\n", filepath.Join(d.dir, "root"), filepath.Join(d.dir, "state"))
	// In a chroot, where the root is no mount point, the btrfs snapshotter would take nearly all other plugins down with it.
	disabled := append([]string{"io.containerd.nri.v1.nri", "io.containerd.snapshotter.v1.btrfs"}, c.Disabled...)
	fmt.Fprintf(&text, "disabled_plugins = [\"%s\"]\n", strings.Join(disabled, `", "`))
	if d.refract {
		text.WriteString(required)
	}
	fmt.Fprintln(&text, c.Top)
	fmt.Fprintf(&text, "[debug]\n  level = \"debug\"\n")
	grpc, ttrpc := "plugins.'io.containerd.server.v1.grpc'", "plugins.'io.containerd.server.v1.ttrpc'"
	if d.line22 {
		grpc, ttrpc = "grpc", "ttrpc" // they were no plugins yet
	}
	fmt.Fprintf(&text, "[%s]\n  address = %q\n", grpc, d.Socket)
	fmt.Fprintf(&text, "[%s]\n  address = %q\n", ttrpc, d.Socket+".ttrpc")
	fmt.Fprintf(&text, "[plugins.'io.containerd.cri.v1.runtime']\n  restrict_oom_score_adj = true\n")
	fmt.Fprintf(&text, "[plugins.'io.containerd.cri.v1.runtime'.cni]\n  bin_dirs = [\"/usr/lib/cni\"]\n  conf_dir = %q\n", networks)
	fmt.Fprintf(&text, "[plugins.'io.containerd.cri.v1.images']\n  snapshotter = %q\n%s\n", d.Snapshotter, c.Images)
	fmt.Fprintf(&text, "[plugins.'io.containerd.cri.v1.images'.registry]\n  config_path = %q\n", filepath.Dir(hosts))
	if c.Sandbox != "" {
		fmt.Fprintf(&text, "[plugins.'io.containerd.cri.v1.images'.pinned_images]\n  sandbox = %q\n", c.Sandbox)
	}
	fmt.Fprintf(&text, "[[plugins.'io.containerd.transfer.v1.local'.unpack_config]]\n  platform = \"linux/%s\"\n  snapshotter = %q\n",
		runtime.GOARCH, d.Snapshotter)
	if c.Policy != "" && d.refract {
		fmt.Fprintf(&text, "[plugins.'io.containerd.refract.v1.policy']\n%s\n", c.Policy)
	}
	fmt.Fprintln(&text, c.Sections)
	return errors.Join(
		os.WriteFile(d.config, []byte(text.String()), 0o600),
		os.WriteFile(filepath.Join(networks, "10-test.conflist"), []byte(network), 0o600),
	)
}

// Trust makes pulls from a registry go through TLS, whose certificate an authority of that file vouches for.
func (d *Daemon) Trust(host, authority string) error {
	return d.Hosts(host, fmt.Sprintf("server = %q\nca = %q\n", "https://"+host, authority))
}

// Hosts writes a registry's hosts.toml where the daemon's CRI, or refractd, reads it.
func (d *Daemon) Hosts(registry, toml string) error {
	folder := filepath.Join(d.HostsDir(), registry)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "hosts.toml"), []byte(toml), 0o600)
}

// HostsDir is the folder of these files.
func (d *Daemon) HostsDir() string { return filepath.Join(d.dir, "certs.d") }
