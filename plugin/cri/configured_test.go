// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	introspection "github.com/containerd/containerd/api/services/introspection/v1"
	containerd "github.com/containerd/containerd/v2/cmd/containerd/server/config"
	"github.com/containerd/containerd/v2/version"
	"google.golang.org/grpc/codes"
)

const sectionName = "[plugins.'io.containerd.image-verifier.v1.bindir']\n"

// files writes files of containerd's configuration; the first one is a.toml.
func files(t *testing.T, all map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range all {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "a.toml")
}

// What containerd reads, refractd reads, and to the same: old files, files of a newer containerd, and what they import.
func TestConfigurationOfContainerd(t *testing.T) {
	ours := sectionName + "bin_dir = '/v'\nmax_verifiers = 3\n"
	for what, c := range map[string]struct {
		all   map[string]string
		newer bool // than the containerd whose code is at hand
		dir   string
		max   int
	}{
		"nothing":           {map[string]string{"a.toml": ""}, false, "/opt/containerd/image-verifier/bin", 10},
		"no version":        {map[string]string{"a.toml": "disabled_plugins = ['cri']\n" + ours}, false, "/v", 3},
		"version 1":         {map[string]string{"a.toml": "version = 1\ndisabled_plugins = ['btrfs', 'zfs']\n[plugins.cri]\nsandbox_image = 'p'\n" + ours}, false, "/v", 3},
		"version 2":         {map[string]string{"a.toml": "version = 2\ndisabled_plugins = ['io.containerd.grpc.v1.cri']\n" + ours}, false, "/v", 3},
		"an unknown key":    {map[string]string{"a.toml": "version = 3\nunknown = 1\n" + ours + "unknown = 1\n"}, false, "/v", 3},
		"a newer version":   {map[string]string{"a.toml": "version = 99\n" + ours}, true, "/v", 3},
		"a newer import":    {map[string]string{"a.toml": "version = 99\nimports = ['b.toml']\n", "b.toml": ours}, true, "/v", 3},
		"another type":      {map[string]string{"a.toml": "version = 4\nroot = ['/one', '/two']\n" + ours}, true, "/v", 3},
		"key by key":        {map[string]string{"a.toml": "imports = ['b.toml']\n" + ours, "b.toml": sectionName + "max_verifiers = 0\n"}, false, "/v", 0},
		"an empty text":     {map[string]string{"a.toml": "imports = ['b.toml']\n" + ours, "b.toml": sectionName + "bin_dir = ''\n"}, false, "", 3},
		"a wrong one below": {map[string]string{"a.toml": "imports = ['b.toml']\n" + sectionName + "bin_dir = 1\n", "b.toml": ours}, false, "/v", 3},
		"a pattern":         {map[string]string{"a.toml": "version = 3\nimports = ['c/*.toml']\n", "c/x.toml": ours, "c/y.toml": sectionName + "bin_dir = '/y'\n"}, false, "/y", 3},
		"in breadth": {map[string]string{"a.toml": "imports = ['b.toml', 'c.toml']\n", "b.toml": "imports = ['d.toml']\n", "c.toml": ours,
			"d.toml": "imports = ['a.toml', './a.toml']\n" + sectionName + "bin_dir = '/d'\n"}, false, "/d", 3},
		"beside the file": {map[string]string{"a.toml": "imports = ['c/b.toml']\n", "c/b.toml": "imports = ['d.toml']\n", "c/d.toml": ours}, false, "/v", 3},
	} {
		t.Run(what, func(t *testing.T) {
			file := files(t, c.all)
			n := &node{settings: Settings{Verifier: Verifying{ContainerdConfig: file}}}
			got, err := n.containerdsVerifier(t.Context())
			if err != nil || got.BinDir != c.dir || got.MaxVerifiers != c.max {
				t.Errorf("%q and %d, %v; want %q and %d", got.BinDir, got.MaxVerifiers, err, c.dir, c.max)
			}
			if c.newer {
				return
			}
			read := containerd.Config{Version: version.ConfigVersion, Plugins: map[string]any{}}
			if err := containerd.LoadConfig(t.Context(), file, &read); err != nil {
				t.Fatal(err)
			}
			theirs, _ := read.Plugins["io.containerd.image-verifier.v1.bindir"].(map[string]any)
			section, err := (source{file: file}).section(t.Context())
			if err != nil || !maps.Equal(section, theirs) {
				t.Errorf("containerd reads %v, we %v, %v", theirs, section, err)
			}
		})
	}
}

// A file that cannot be read is named, with the line.
func TestConfigurationThatCannotBeRead(t *testing.T) {
	for what, c := range map[string]struct {
		all   map[string]string
		words []string
	}{
		"no TOML":        {map[string]string{"a.toml": "version = 3\n[plugins\n"}, []string{"a.toml", "line 2"}},
		"no such import": {map[string]string{"a.toml": "imports = ['b.toml']\n"}, []string{"b.toml"}},
		"no table":       {map[string]string{"a.toml": "plugins.'io.containerd.image-verifier.v1.bindir' = 3\n"}, []string{"a.toml", "image-verifier"}},
		"another type":   {map[string]string{"a.toml": sectionName + "bin_dir = 3\n"}, []string{"a.toml", "image-verifier"}},
	} {
		n := &node{settings: Settings{Verifier: Verifying{ContainerdConfig: files(t, c.all)}}}
		_, err := n.containerdsVerifier(t.Context())
		for _, word := range c.words {
			if err == nil || !strings.Contains(err.Error(), word) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: error %v lacks %q", what, err, word)
			}
		}
	}
}

// inAnotherFileSystem starts a process that says it is a containerd with a configuration, in mounts of its own: there, files are seen below a
// folder that is empty here. It returns its number.
func inAnotherFileSystem(t *testing.T, folder, config string, all map[string]string) int {
	t.Helper()
	var script strings.Builder
	fmt.Fprintf(&script, "mount -t tmpfs tmpfs %s\n", folder)
	for path, text := range all {
		fmt.Fprintf(&script, "mkdir -p \"$(dirname '%[1]s')\"\ncat >'%[1]s' <<'EOF'\n%s\nEOF\n", path, text)
	}
	fmt.Fprintf(&script, "ln -s '%s' '%s'\n", filepath.Join(folder, "conf"), filepath.Join(folder, "link"))
	fmt.Fprintf(&script, "echo ready\nexec /bin/sh -c 'read x' containerd --config '%s'\n", config)
	command := exec.Command("unshare", "--mount", "--propagation", "private", "/bin/sh", "-euc", script.String())
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		input.Close()
		_ = command.Wait() // it read no line
	})
	if line, err := bufio.NewReader(output).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("%q, %v", line, err)
	}
	// The shell becomes what it says that it is after it has said that it is ready.
	poll(t, func() error {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", command.Process.Pid))
		if err == nil && !strings.HasSuffix(string(line), "--config\x00"+config+"\x00") {
			err = fmt.Errorf("it is still %q", line)
		}
		return err
	})
	return command.Process.Pid
}

func processIs(t *testing.T, pid int) func() (*introspection.ServerResponse, error) {
	t.Helper()
	var namespace syscall.Stat_t
	if err := syscall.Stat("/proc/self/ns/pid", &namespace); err != nil {
		t.Fatal(err)
	}
	return func() (*introspection.ServerResponse, error) {
		return &introspection.ServerResponse{Pid: uint64(pid), Pidns: namespace.Ino}, nil
	}
}

// Where containerd sees another file system, its configuration is the one that it sees, with what that imports; programs that are only
// there cannot be asked from here.
func TestContainerdInAnotherFileSystem(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root has file systems of its own to see")
	}
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	pid := inAnotherFileSystem(t, folder, in("link/a.toml"), map[string]string{
		in("conf/a.toml"):  fmt.Sprintf("imports = ['%s']", in("link/b*.toml")),
		in("conf/b1.toml"): fmt.Sprintf("%sbin_dir = '%s'", sectionName, in("programs")),
		in("programs/one"): "#!/bin/sh",
	})
	up := newUpstream(t)
	up.plugins, up.process = withVerifier(), processIs(t, pid)
	_, conn := serve(t, up.address, Settings{})
	refused(t, pullOver(t, conn), in("programs"), "bin_dir")
	if err := os.Mkdir(in("programs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(in("programs/one"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := pullOver(t, conn); !isCode(err, codes.Unimplemented) {
		t.Errorf("with the programs here, too: %v", err)
	}
}
