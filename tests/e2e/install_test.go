// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestInstalledProgramsRunOnABareNode installs into a folder, adds nothing but the C library, and runs the programs in there: what
// they need besides travels with them.
func TestInstalledProgramsRunOnABareNode(t *testing.T) {
	root := t.TempDir()
	install := exec.Command("make", "-s", "-C", "../..", "install", "DESTDIR="+root, "PREFIX=/usr")
	if output, err := install.CombinedOutput(); err != nil {
		t.Fatalf("make install: %v: %s", err, output)
	}
	for _, file := range []string{
		"usr/share/refract/containerd/10-refract.toml", "etc/refractd/config.toml", "usr/include/refract.h", "usr/lib/librefract.a", "usr/lib/librefract.so",
		"usr/lib/pkgconfig/refract.pc", "usr/share/bash-completion/completions/refract", "usr/share/zsh/site-functions/_refract",
		"usr/share/fish/vendor_completions.d/refract.fish",
		"usr/lib/systemd/system/refractd.service", "usr/lib/systemd/system/refractd.socket", "usr/share/refract/install",
	} {
		if info, err := os.Stat(filepath.Join(root, file)); err != nil || info.Size() == 0 {
			t.Errorf("%s is empty or not there: %v", file, err)
		}
	}
	// There, a containerd that has no refract would read what only refract knows, and not start.
	if _, err := os.Stat(filepath.Join(root, "etc/containerd")); !os.IsNotExist(err) {
		t.Errorf("etc/containerd is there: %v", err)
	}
	// The loader finds out from here where a program is, and so what lies beside it.
	proc := filepath.Join(root, "proc")
	if err := errors.Join(os.Mkdir(proc, 0o555), syscall.Mount("proc", proc, "proc", 0, "")); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Unmount(proc, 0); err != nil {
			t.Error(err)
		}
	}()
	for program, says := range map[string][]string{
		"containerd-refract --version": {"v2.4.2", "refract 0."}, "ctr-refract --version": {"v2.4.2", "refract 0."}, "refractd --version": {"refractd 0."}, "refractd config": {"/run/refractd/refractd.sock"},
		"refract version": {"0.", "curl"},
	} {
		program, argument, _ := strings.Cut(program, " ")
		addLibc(t, root, filepath.Join(root, "usr/bin", program))
		command := exec.Command("/usr/bin/"+program, argument)
		command.Dir = "/"
		command.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", program, err, output)
		}
		for _, word := range says {
			if !strings.Contains(string(output), word) {
				t.Errorf("%s says %q, not %q", program, output, word)
			}
		}
	}
}

// TestScriptInstallsTheRealPrograms: what "make install" made is what the script takes, and the programs find their libraries where it
// puts them.
func TestScriptInstallsTheRealPrograms(t *testing.T) {
	made, host := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(host, "opt"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{
		{"make", "-s", "-C", "../..", "install", "DESTDIR=" + made},
		{made + "/usr/local/share/refract/install", "install", "--root", host, "--mode", "containerd"},
		{made + "/usr/local/share/refract/install", "verify", "--root", host},
		{host + "/opt/refract/current/bin/containerd-refract", "--version"},
		{made + "/usr/local/share/refract/install", "uninstall", "--root", host},
	} {
		if output, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", command, err, output)
		}
	}
	if left, err := os.ReadDir(filepath.Join(host, "opt")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// addLibc copies what a program needs and does not bring along; that must be the C library alone.
func addLibc(t *testing.T, root, program string) {
	t.Helper()
	listed, err := exec.Command("ldd", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(listed)) {
		for _, word := range strings.Fields(line) {
			if !filepath.IsAbs(word) || strings.HasPrefix(word, root) {
				continue
			}
			name := filepath.Base(word)
			if !strings.HasPrefix(name, "libc.") && !strings.HasPrefix(name, "ld-linux") && !strings.HasPrefix(name, "libm.") && !strings.HasPrefix(name, "libresolv.") {
				t.Errorf("%s needs %s, which a node may not have", filepath.Base(program), name)
			}
			raw, err := os.ReadFile(word)
			if err != nil {
				t.Fatal(err)
			}
			to := filepath.Join(root, word)
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, raw, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
}
