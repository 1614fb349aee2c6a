// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// unitFolder has refract's units with programs that exist, and a stock containerd.service for the drop-in.
func unitFolder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	exists := filepath.Join(folder, "bin")
	// There is no containerd: if the drop-in did not replace it, systemd would say so.
	for _, name := range []string{"refractd", "containerd-refract"} {
		write(t, filepath.Join(exists, name), program("v1"), 0o755)
	}
	for _, unit := range []string{"refractd.service", "refractd.socket", "containerd.service.d/10-refract.conf"} {
		text := read(t, filepath.Join(sources, "systemd", unit))
		write(t, filepath.Join(folder, unit), strings.ReplaceAll(text, "/usr/local/bin", exists), 0o644)
	}
	// As containerd 2.4 has it, without its comments.
	write(t, filepath.Join(folder, "containerd.service"), `[Unit]
Description=containerd container runtime
After=network.target dbus.service
[Service]
ExecStartPre=-/sbin/modprobe overlay
ExecStart=`+exists+`/containerd
Type=notify
Delegate=yes
KillMode=process
Restart=always
RestartSec=5
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
OOMScoreAdjust=-999
[Install]
WantedBy=multi-user.target
`, 0o644)
	return folder
}

// systemd itself reads the units, without one that runs.
func TestSystemdAcceptsTheUnits(t *testing.T) {
	folder := unitFolder(t)
	environment := []string{"SYSTEMD_UNIT_PATH=" + folder + ":"}
	for _, unit := range []string{"refractd.service", "refractd.socket", "containerd.service"} {
		output, err := run(t, environment, "systemd-analyze", "verify", "--man=no", "--recursive-errors=one", filepath.Join(folder, unit))
		if err != nil || output != "" {
			t.Errorf("%s: %v: %s", unit, err, output)
		}
	}
	// And it would say so if there were something to say.
	if err := os.Remove(filepath.Join(folder, "containerd.service.d/10-refract.conf")); err != nil {
		t.Fatal(err)
	}
	if output, _ := run(t, environment, "systemd-analyze", "verify", "--man=no", filepath.Join(folder, "containerd.service")); !strings.Contains(output, "/bin/containerd") {
		t.Errorf("without the drop-in: %s", output)
	}
	broken := filepath.Join(folder, "refractd.service")
	write(t, broken, strings.Replace(read(t, broken), "ProtectSystem=strict", "ProtectSystm=strict", 1), 0o644)
	if output, _ := run(t, environment, "systemd-analyze", "verify", "--man=no", broken); !strings.Contains(output, "ProtectSystm") {
		t.Errorf("a misspelt key goes unseen: %s", output)
	}
}

// The unit keeps its hardening: systemd's own measure runs from 0 (nothing exposed) to 10.
func TestRefractdIsHardened(t *testing.T) {
	folder := unitFolder(t)
	output, err := run(t, []string{"SYSTEMD_UNIT_PATH=" + folder + ":"}, "systemd-analyze", "security", "--offline=true", "--threshold=25", "--no-pager",
		filepath.Join(folder, "refractd.service"))
	if err != nil {
		t.Errorf("%v: %s", err, output)
	}
}

// refractd is the last to be chosen when memory runs out, so it has limits of its own. containerd's unit has none: all shims live in it.
func TestRefractdsMemoryIsBounded(t *testing.T) {
	folder := unitFolder(t)
	unit := read(t, filepath.Join(folder, "refractd.service"))
	for _, line := range []string{"OOMScoreAdjust=-999", "Environment=GOMEMLIMIT=192MiB", "MemoryHigh=512M"} {
		if !strings.Contains(unit, "\n"+line+"\n") {
			t.Errorf("refractd.service lacks %s", line)
		}
	}
	if dropIn := read(t, filepath.Join(folder, "containerd.service.d/10-refract.conf")); strings.Contains(dropIn, "\nMemory") {
		t.Errorf("containerd's drop-in bounds the shims, too: %s", dropIn)
	}
}

// Every path that a unit, a snippet or the script names is one that the others know.
func TestFilesAgree(t *testing.T) {
	socket := "/run/refractd/refractd.sock"
	for _, file := range []string{"systemd/refractd.socket", "kubelet/10-refract.conf", "refractd/config.toml", "install"} {
		if !strings.Contains(read(t, filepath.Join(sources, file)), socket) {
			t.Errorf("%s does not name %s", file, socket)
		}
	}
}

// What refractd tells systemd where it may not pull is what the script looks for.
func TestRefusalIsToldInTheSameWords(t *testing.T) {
	const words = "\"images cannot be pulled"
	for _, file := range []string{"../refractd/daemon.go", "install"} {
		if !strings.Contains(read(t, filepath.Join(sources, file)), words) {
			t.Errorf("%s does not say %s", file, words)
		}
	}
}

func TestScriptsAreCleanToShellcheck(t *testing.T) {
	for _, file := range []string{"install", "image/entrypoint"} {
		path := filepath.Join(sources, file)
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v, %v", file, info, err)
		}
		if output, err := run(t, nil, "shellcheck", "--severity=style", path); err != nil {
			t.Errorf("%v: %s", err, output)
		}
	}
}
