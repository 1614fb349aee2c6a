// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUninstallLeavesTheHostAsItWas(t *testing.T) {
	for _, mode := range []string{"refractd", "containerd"} {
		t.Run(mode, func(t *testing.T) {
			root, first, second := newHost(t), newBundle(t, program("v1")), newBundle(t, program("v2"))
			config := filepath.Join(t.TempDir(), "config.toml")
			write(t, config, "[log]\nlevel = \"debug\" # /usr/local/bin/ stays\n", 0o600)
			before := tree(t, root)
			daemon := map[string]string{"refractd": "refractd", "containerd": "containerd-refract"}[mode]

			mustRun(t, first, "install", "--root", root, "--mode", mode, "--config", config)
			if got := installed(t, root, daemon); got != "v1" {
				t.Fatalf("installed is %q", got)
			}
			mustRun(t, first, "verify", "--root", root)
			after := tree(t, root)
			if output := mustRun(t, first, "install", "--root", root, "--mode", mode, "--config", config); !strings.Contains(output, "already") {
				t.Errorf("installing again said %s", output)
			}
			if changed := differ(after, tree(t, root)); len(changed) > 0 {
				t.Errorf("installing again changed %v", changed)
			}

			mustRun(t, second, "install", "--root", root, "--mode", mode)
			if got := installed(t, root, daemon); got != "v2" {
				t.Fatalf("installed is %q", got)
			}
			mustRun(t, second, "verify", "--root", root)
			mustRun(t, second, "uninstall", "--root", root)
			if changed := differ(before, tree(t, root)); len(changed) > 0 {
				t.Errorf("left behind:\n%s", strings.Join(changed, "\n"))
			}
			if output := mustRun(t, second, "uninstall", "--root", root); !strings.Contains(output, "nothing is installed") {
				t.Errorf("uninstalling again said %s", output)
			}
		})
	}
}

func TestWhatIsInstalled(t *testing.T) {
	root, bundle := newHost(t), newBundle(t, program("v1"))
	config := filepath.Join(t.TempDir(), "config.toml")
	write(t, config, "[log]\nlevel = \"debug\" # /usr/local/bin/ stays\n", 0o600)
	mustRun(t, bundle, "install", "--root", root, "--config", config)
	for path, says := range map[string]string{
		"etc/refractd/config.toml":                                    "# /usr/local/bin/ stays",
		"etc/systemd/system/refractd.service":                         "\nExecStart=/opt/refract/current/bin/refractd\n",
		"etc/systemd/system/refractd.socket":                          "\nListenStream=/run/refractd/refractd.sock\n",
		"etc/systemd/system/multi-user.target.wants/refractd.service": "\nExecStart=/opt/refract/current/bin/refractd\n",
		"etc/systemd/system/sockets.target.wants/refractd.socket":     "\nSocketMode=0660\n",
		"etc/kubernetes/kubelet.conf.d/10-refract.conf":               "\nimageServiceEndpoint: unix:///run/refractd/refractd.sock\n",
		"etc/systemd/system/kubelet.service.d/20-refract.conf":        "--config-dir=/etc/kubernetes/kubelet.conf.d",
		"opt/refract/current/lib/refract/libexample.so.1":             "library",
	} {
		if text := read(t, filepath.Join(root, path)); !strings.Contains(text, says) {
			t.Errorf("%s does not say %q:\n%s", path, says, text)
		}
	}
	// There may be log-ins in it, and it was nobody else's to read.
	for _, path := range []string{"etc/refractd/config.toml", "opt/refract/current/files/etc/refractd/config.toml"} {
		if info, err := os.Stat(filepath.Join(root, path)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	// From one mode to the other: what only the first had is gone, and what the host had there is back.
	mustRun(t, bundle, "install", "--root", root, "--mode", "containerd", "--prefix", "/opt/refract")
	if text := read(t, filepath.Join(root, "etc/systemd/system/containerd.service.d/10-refract.conf")); !strings.Contains(text, "ExecStart=\nExecStart=/opt/refract/current/bin/containerd-refract\n") {
		t.Errorf("drop-in: %s", text)
	}
	if text := read(t, filepath.Join(root, "etc/refractd/config.toml")); text != "# made by hand\n" {
		t.Errorf("config.toml: %s", text)
	}
	if _, err := os.Lstat(filepath.Join(root, "etc/kubernetes/kubelet.conf.d/10-refract.conf")); !os.IsNotExist(err) {
		t.Errorf("the kubelet's snippet: %v", err)
	}
}

// A kubelet that reads a folder already is told there, and one that reads none and is not kubeadm's is not touched.
func TestKubeletFolder(t *testing.T) {
	bundle := newBundle(t, program("v1"))
	root := newHost(t)
	write(t, filepath.Join(root, "etc/default/kubelet"), "KUBELET_EXTRA_ARGS=\"--config-dir=/etc/kubelet.d/ --v=2\"\n", 0o644)
	mustRun(t, bundle, "install", "--root", root)
	read(t, filepath.Join(root, "etc/kubelet.d/10-refract.conf"))
	if _, err := os.Stat(filepath.Join(root, "etc/systemd/system/kubelet.service.d/20-refract.conf")); err == nil {
		t.Error("the kubelet is told to read a second folder")
	}
	bare := t.TempDir()
	write(t, filepath.Join(bare, "opt/.keep"), "", 0o644)
	if output := mustRun(t, bundle, "install", "--root", bare); !strings.Contains(output, "--config-dir=/etc/kubernetes/kubelet.conf.d") {
		t.Errorf("said %s", output)
	}
	read(t, filepath.Join(bare, "etc/kubernetes/kubelet.conf.d/10-refract.conf"))
}

// containerd's unit may give it arguments; they are containerd-refract's, too. What another drop-in wants cannot be guessed.
func TestArgumentsOfContainerdAreKept(t *testing.T) {
	bundle := newBundle(t, program("v1"))
	root := newHost(t)
	write(t, filepath.Join(root, "usr/lib/systemd/system/containerd.service"), "[Service]\nExecStart=/usr/bin/other\n", 0o644)
	write(t, filepath.Join(root, "etc/systemd/system/containerd.service"),
		"[Service]\nExecStartPre=-/sbin/modprobe overlay\nExecStart=/usr/bin/containerd --config /etc/a&b.toml \"--log-level=\\x64ebug\"\n", 0o644)
	drop := filepath.Join(root, "etc/systemd/system/containerd.service.d/10-refract.conf")
	for range 2 {
		mustRun(t, bundle, "install", "--root", root, "--mode", "containerd")
		want := "\nExecStart=\nExecStart=/opt/refract/current/bin/containerd-refract --config /etc/a&b.toml \"--log-level=\\x64ebug\"\n"
		if text := read(t, drop); !strings.HasSuffix(text, want) {
			t.Errorf("%s, want %s", text, want)
		}
	}
	mustRun(t, bundle, "uninstall", "--root", root)
	write(t, filepath.Join(filepath.Dir(drop), "50-proxy.conf"), "[Service]\nEnvironment=A=b\n", 0o644)
	mustRun(t, bundle, "install", "--root", root, "--mode", "containerd")
	mustRun(t, bundle, "uninstall", "--root", root)
	write(t, filepath.Join(filepath.Dir(drop), "60-other.conf"), "[Service]\nExecStart=\nExecStart=/opt/other\n", 0o644)
	before := tree(t, root)
	if output, err := script(t, bundle, nil, "install", "--root", root, "--mode", "containerd"); err == nil || !strings.Contains(output, "60-other.conf") {
		t.Errorf("%v: %s", err, output)
	}
	if changed := differ(before, tree(t, root)); len(changed) > 0 {
		t.Errorf("changed %v", changed)
	}
}

// What cannot be joined with our drop-in is not guessed: nothing is changed.
func TestUnitsThatStartSomethingElse(t *testing.T) {
	bundle := newBundle(t, program("v1"))
	for starts, says := range map[string]string{
		"/usr/bin/containerd \\\n    --config /etc/other.toml": "on several lines",
		"/usr/bin/env A=b /usr/bin/containerd":                 "/usr/bin/env",
	} {
		root := newHost(t)
		write(t, filepath.Join(root, "etc/systemd/system/containerd.service"), "[Service]\nExecStart="+starts+"\n", 0o644)
		before := tree(t, root)
		if output, err := script(t, bundle, nil, "install", "--root", root, "--mode", "containerd"); err == nil || !strings.Contains(output, says) {
			t.Errorf("%q: %v: %s", starts, err, output)
		}
		if changed := differ(before, tree(t, root)); len(changed) > 0 {
			t.Errorf("%q: changed %v", starts, changed)
		}
	}
}

// A policy that containerd would not read is none: with one's own that is an error, with the defaults a warning.
func TestPolicyThatIsNotRead(t *testing.T) {
	bundle := newBundle(t, program("v1"))
	config := filepath.Join(t.TempDir(), "policy.toml")
	write(t, config, "# required = [\"signature\"]\n", 0o600)
	for name, c := range map[string]struct{ unit, file, text string }{
		"no file":     {"/usr/bin/containerd", "etc/containerd/config.toml", ""},
		"no imports":  {"/usr/bin/containerd", "etc/containerd/config.toml", "version = 3\n# imports = [\"/etc/containerd/conf.d/*.toml\"]\n"},
		"not its own": {"/usr/bin/containerd --log-level info --config /etc/other.toml", "etc/other.toml", "version = 3\n"},
	} {
		root := newHost(t)
		write(t, filepath.Join(root, "usr/lib/systemd/system/containerd.service"), "[Service]\nExecStart="+c.unit+"\n", 0o644)
		write(t, filepath.Join(root, c.file), c.text, 0o644)
		if output, err := script(t, bundle, nil, "install", "--root", root, "--mode", "containerd", "--config", config); err == nil || !strings.Contains(output, c.file) {
			t.Errorf("%s: %v: %s", name, err, output)
		}
		if output := mustRun(t, bundle, "install", "--root", root, "--mode", "containerd"); !strings.Contains(output, c.file) {
			t.Errorf("%s: %s", name, output)
		}
	}
}

// What containerd needs to reach registries, refractd needs now.
func TestProxyOfContainerd(t *testing.T) {
	root, bundle := newHost(t), newBundle(t, program("v1"))
	write(t, filepath.Join(root, "etc/systemd/system/containerd.service.d/http-proxy.conf"),
		"[Service]\nEnvironment=\"HTTPS_PROXY=http://proxy.example:3128\" \"NO_PROXY=10.0.0.0/8\"\nEnvironment=OTHER=1\nLimitNOFILE=1\n", 0o644)
	before := tree(t, root)
	mustRun(t, bundle, "install", "--root", root)
	text := read(t, filepath.Join(root, "etc/systemd/system/refractd.service.d/10-proxy.conf"))
	if want := "[Service]\nEnvironment=\"HTTPS_PROXY=http://proxy.example:3128\" \"NO_PROXY=10.0.0.0/8\"\n"; !strings.HasSuffix(text, want) {
		t.Errorf("%s, want %s", text, want)
	}
	mustRun(t, bundle, "uninstall", "--root", root)
	if changed := differ(before, tree(t, root)); len(changed) > 0 {
		t.Errorf("left behind %v", changed)
	}
}

// An operator's own policy for containerd-refract is not overwritten by the defaults.
func TestExistingPolicyStays(t *testing.T) {
	root, bundle := newHost(t), newBundle(t, program("v1"))
	policy := filepath.Join(root, "etc/containerd/conf.d/10-refract.toml")
	write(t, policy, "# theirs\n", 0o644)
	before := tree(t, root)
	for range 2 {
		mustRun(t, bundle, "install", "--root", root, "--mode", "containerd")
		if text := read(t, policy); text != "# theirs\n" {
			t.Errorf("became %s", text)
		}
	}
	mustRun(t, bundle, "uninstall", "--root", root)
	if changed := differ(before, tree(t, root)); len(changed) > 0 {
		t.Errorf("left behind %v", changed)
	}
}

func TestProgramsThatDoNotRunAreNotInstalled(t *testing.T) {
	root, good, bad := newHost(t), newBundle(t, program("v1")), newBundle(t, broken)
	before := tree(t, root)
	output, err := script(t, bad, nil, "install", "--root", root)
	if err == nil || !strings.Contains(output, "GLIBC_2.99") || !strings.Contains(output, "nothing was changed") {
		t.Fatalf("%v: %s", err, output)
	}
	if changed := differ(before, tree(t, root)); len(changed) > 0 {
		t.Errorf("a first install left %v", changed)
	}
	mustRun(t, good, "install", "--root", root)
	with := tree(t, root)
	if output, err := script(t, bad, nil, "install", "--root", root); err == nil {
		t.Fatal(output)
	}
	if changed := differ(with, tree(t, root)); len(changed) > 0 {
		t.Errorf("an upgrade left %v", changed)
	}
	mustRun(t, good, "verify", "--root", root)
}

func TestRollback(t *testing.T) {
	root, first, second := newHost(t), newBundle(t, program("v1")), newBundle(t, program("v2"))
	before := tree(t, root)
	mustRun(t, first, "install", "--root", root)
	mustRun(t, second, "install", "--root", root, "--mode", "containerd")
	mustRun(t, second, "rollback", "--root", root)
	if got := installed(t, root, "refractd"); got != "v1" {
		t.Errorf("after rolling back %q is installed", got)
	}
	if output := mustRun(t, first, "verify", "--root", root); !strings.Contains(output, "mode refractd") {
		t.Errorf("verify said %s", output)
	}
	mustRun(t, first, "rollback", "--root", root)
	if changed := differ(before, tree(t, root)); len(changed) > 0 {
		t.Errorf("before the first install there was nothing; now %v", changed)
	}
	if output, err := script(t, first, nil, "rollback", "--root", root); err == nil {
		t.Errorf("rolling back nothing said %s", output)
	}
	// Only one version back is kept. That is no reason to take refract away.
	third := newBundle(t, program("v3"))
	for _, bundle := range []string{first, second, third} {
		mustRun(t, bundle, "install", "--root", root)
	}
	mustRun(t, third, "rollback", "--root", root)
	if output, err := script(t, third, nil, "rollback", "--root", root); err == nil || !strings.Contains(output, "uninstall") {
		t.Errorf("%v: %s", err, output)
	}
	if got := installed(t, root, "refractd"); got != "v2" {
		t.Errorf("after rolling back twice %q is installed", got)
	}
}

func TestVerifySeesWhatHasChanged(t *testing.T) {
	for path, text := range map[string]string{
		"opt/refract/current/bin/refractd":                program("other"),
		"opt/refract/current/lib/refract/libexample.so.1": "other",
		"etc/systemd/system/refractd.service":             "other",
		"etc/kubernetes/kubelet.conf.d/10-refract.conf":   "other",
	} {
		root, bundle := newHost(t), newBundle(t, program("v1"))
		before := tree(t, root)
		mustRun(t, bundle, "install", "--root", root)
		write(t, filepath.Join(root, path), text, 0o755)
		if output, err := script(t, bundle, nil, "verify", "--root", root); err == nil {
			t.Errorf("%s: %s", path, output)
		}
		mustRun(t, bundle, "install", "--root", root)
		mustRun(t, bundle, "verify", "--root", root)
		mustRun(t, bundle, "uninstall", "--root", root)
		if changed := differ(before, tree(t, root)); len(changed) > 0 {
			t.Errorf("%s: left behind %v", path, changed)
		}
	}
}

func TestUsage(t *testing.T) {
	root, bundle := newHost(t), newBundle(t, program("v1"))
	before := tree(t, root)
	for _, arguments := range [][]string{
		{}, {"remove"}, {"install", "--root"}, {"install", "--rot", root}, {"install", "--root", root + "/none"},
		{"install", "--root", root, "--prefix", "/"}, {"install", "--root", root, "--prefix", "opt"}, {"install", "--root", root, "--prefix", "/opt/../etc"},
		{"install", "--root", root, "--prefix", "/opt/a b"}, {"install", "--root", root, "--prefix", "/none/refract"},
		{"install", "--root", root, "--mode", "docker"}, {"install", "--root", root, "--from", root}, {"install", "--root", root, "--config", root + "/none"},
		{"verify", "--root", root}, {"rollback", "--root", root},
	} {
		if output, err := script(t, bundle, nil, arguments...); err == nil || strings.TrimSpace(output) == "" {
			t.Errorf("%v: %v: %s", arguments, err, output)
		}
		if changed := differ(before, tree(t, root)); len(changed) > 0 {
			t.Fatalf("%v changed %v", arguments, changed)
		}
	}
}
