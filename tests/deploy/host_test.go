// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const sources = "../../plugin/deploy"

// runLimit ends a script that hangs; none takes a second.
const runLimit = time.Minute

// program stands in for refractd and containerd-refract: it tells its version, and does nothing else.
func program(version string) string { return "#!/bin/sh\necho \"$0 " + version + "\"\n" }

// broken is a program that does not run on this host.
const broken = "#!/bin/sh\necho 'version GLIBC_2.99 not found' >&2\nexit 1\n"

// newBundle is what "make install" makes, with stand-ins for programs and libraries.
func newBundle(t *testing.T, text string) string {
	t.Helper()
	bundle := t.TempDir()
	install := exec.Command("../../.ci/install-deploy")
	install.Env = append(os.Environ(), "DESTDIR="+bundle, "PREFIX=/usr/local")
	if output, err := install.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	prefix := filepath.Join(bundle, "usr/local")
	for _, name := range []string{"refractd", "containerd-refract", "ctr-refract"} {
		write(t, filepath.Join(prefix, "bin", name), text, 0o755)
	}
	write(t, filepath.Join(prefix, "lib/refract/libexample.so.1"), "library of "+text, 0o644)
	return prefix
}

func write(t testing.TB, path, text string, mode fs.FileMode) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// newHost is a host's root with files of its own, some where refract's go.
func newHost(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range map[string]string{
		"etc/os-release": "ID=example\n",
		"etc/systemd/system/kubelet.service.d/10-kubeadm.conf": "[Service]\n" +
			"Environment=\"KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml\"\n",
		"etc/systemd/system/refractd.service": "# made by hand\n",
		"etc/refractd/config.toml":            "# made by hand\n",
		"etc/containerd/config.toml":          "version = 3\nimports = [\"/etc/containerd/conf.d/*.toml\"]\n",
		"usr/bin/containerd":                  program("stock"),
	} {
		write(t, filepath.Join(root, path), text, 0o640)
	}
	if err := errors.Join(os.Mkdir(filepath.Join(root, "opt"), 0o755),
		os.Mkdir(filepath.Join(root, "etc/systemd/system/multi-user.target.wants"), 0o750),
		os.Symlink("/usr/lib/systemd/system/refractd.socket", filepath.Join(root, "etc/systemd/system/refractd.socket"))); err != nil {
		t.Fatal(err)
	}
	return root
}

// tree is every path below a folder with what is there: mode, and a file's time and content or a link's target. What a host loses when it
// stops, and the mount program writes to, is not looked at.
func tree(t testing.TB, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == filepath.Join(root, "run") {
			return filepath.SkipDir
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		what := info.Mode().String()
		switch {
		case info.Mode().IsRegular():
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			what += fmt.Sprintf(" %s %x", info.ModTime().UTC().Format(time.RFC3339Nano), sha256.Sum256(raw))
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			what += " " + target
		}
		all[strings.TrimPrefix(path, root)] = what
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// differ lists the paths that are not the same in both.
func differ(before, after map[string]string) []string {
	var paths []string
	for path, what := range before {
		if after[path] != what {
			paths = append(paths, fmt.Sprintf("%s: %q became %q", path, what, after[path]))
		}
	}
	for path, what := range after {
		if _, was := before[path]; !was {
			paths = append(paths, fmt.Sprintf("%s: new, %q", path, what))
		}
	}
	slices.Sort(paths)
	return paths
}

// script runs a bundle's install script.
func script(t testing.TB, bundle string, environment []string, arguments ...string) (string, error) {
	t.Helper()
	return run(t, environment, append([]string{filepath.Join(bundle, "share/refract/install")}, arguments...)...)
}

// run runs a command in a process group of its own, so that a test can end all of it.
func run(t testing.TB, environment []string, command ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runLimit)
	defer cancel()
	started := exec.CommandContext(ctx, command[0], command[1:]...)
	started.Env = append(os.Environ(), environment...)
	started.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	started.Cancel = func() error { return syscall.Kill(-started.Process.Pid, syscall.SIGKILL) }
	output, err := started.CombinedOutput()
	return string(output), err
}

func mustRun(t testing.TB, bundle string, arguments ...string) string {
	t.Helper()
	output, err := script(t, bundle, nil, arguments...)
	if err != nil {
		t.Fatalf("install %s: %v: %s", strings.Join(arguments, " "), err, output)
	}
	return output
}

// installed is the version that the current generation's program tells; empty if nothing is installed.
func installed(t testing.TB, root, name string) string {
	t.Helper()
	path := filepath.Join(root, "opt/refract/current/bin", name)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	output, err := run(t, nil, path)
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return strings.TrimSpace(strings.TrimPrefix(output, path))
}
