// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// boot makes systemd the first process of namespaces in which etc and opt are those of a host's root, and has it run one service.
const boot = `
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/systemd/system
cp "$UNITS"/* /run/systemd/system/
for folder in etc opt; do mount --bind "$ROOT/$folder" "/$folder"; done
umount -R /sys/fs/cgroup
if ! mount -t cgroup2 cgroup /sys/fs/cgroup || [ ! -e /sys/fs/cgroup/cgroup.procs ] || [ -n "$LEGACY" ]; then
    umount /sys/fs/cgroup || true
    mount -t tmpfs tmpfs /sys/fs/cgroup
    mkdir /sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
fi
exec env -i PATH="$PATH" container=docker SYSTEMD_UNIT_PATH=/etc/systemd/system:/run/systemd/system /lib/systemd/systemd --system --unit=test.target --log-target=console --show-status=no
`

// underSystemd runs a shell script as a service of a real systemd, on a host's root, and returns what it printed.
func underSystemd(t *testing.T, root, script string) string {
	t.Helper()
	folder := t.TempDir()
	printed := filepath.Join(folder, "printed")
	write(t, filepath.Join(folder, "script"), script, 0o755)
	all := map[string]string{
		"test.target": "[Unit]\nWants=test.service\n",
		"test.service": fmt.Sprintf("[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nTimeoutStartSec=300\nStandardOutput=append:%s\nStandardError=append:%s\n"+
			"ExecStart=/bin/sh -eu %s\nExecStopPost=/bin/sh -c 'echo \"$$SERVICE_RESULT\" >>%s'\nExecStopPost=/bin/systemctl --force --force halt\n",
			printed, printed, filepath.Join(folder, "script"), printed),
	}
	// None of the machine's own units, but what they all need.
	for _, target := range []string{"sysinit", "basic", "sockets", "shutdown", "local-fs", "network", "multi-user"} {
		all[target+".target"] = "[Unit]\nDefaultDependencies=no\n"
	}
	for name, text := range all {
		write(t, filepath.Join(folder, "units", name), text, 0o644)
	}
	group, legacy := cgroup(t)
	output, err := run(t, []string{"ROOT=" + root, "UNITS=" + filepath.Join(folder, "units"), "GROUP=" + group, "LEGACY=" + legacy}, "/bin/sh", "-euc",
		`echo $$ >"$GROUP/cgroup.procs"
exec unshare --pid --fork --kill-child --mount --propagation private --uts --ipc --cgroup /bin/sh -euc "$0"`, boot)
	raw, readErr := os.ReadFile(printed)
	if readErr != nil || !strings.Contains(string(raw), "\nsuccess\n") {
		t.Fatalf("systemd: %v, %v: %s\n%s", err, readErr, raw, output)
	}
	return string(raw)
}

// cgroup makes a group for one systemd, so that what it makes below is its own, and tells whether groups are of the old kind.
func cgroup(t *testing.T) (group, legacy string) {
	t.Helper()
	above := "/sys/fs/cgroup"
	if _, err := os.Stat(filepath.Join(above, "systemd")); err == nil {
		above, legacy = filepath.Join(above, "systemd"), "yes"
	}
	group, err := os.MkdirTemp(above, "refract-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Groups are removed as folders, the inner ones first; the files in them are no files.
		var folders []string
		err := filepath.WalkDir(group, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				folders = append(folders, path)
			}
			return err
		})
		slices.Reverse(folders)
		for _, folder := range folders {
			err = errors.Join(err, os.Remove(folder))
		}
		if err != nil {
			t.Error(err)
		}
	})
	return group, legacy
}

// standIn builds the daemon that stands in for refract's, as a bundle's programs, with variables of its own as the linker sets them.
func standIn(t *testing.T, version string, variables ...string) string {
	t.Helper()
	flags := "-X=main.version=" + version
	for _, one := range variables {
		flags += " '-X=main." + one + "'"
	}
	bundle := newBundle(t, "")
	for _, name := range []string{"refractd", "containerd-refract", "ctr-refract"} {
		build := exec.Command("go", "build", "-ldflags", flags, "-o", filepath.Join(bundle, "bin", name), "./standin")
		if output, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, output)
		}
	}
	return bundle
}

// TestRealSystemd: a real systemd starts, hardens, replaces and stops the daemons that the script installs.
func TestRealSystemd(t *testing.T) {
	root, first, second, bad := newHost(t), standIn(t, "v1"), standIn(t, "v2"), standIn(t, "v3", "broken=on-purpose")
	refusing := standIn(t, "v4", "status=images cannot be pulled: on purpose")
	stock := filepath.Join(t.TempDir(), "containerd")
	if err := os.Link(filepath.Join(first, "bin/refractd"), stock); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "etc/machine-id"), strings.Repeat("0123456789abcdef", 2)+"\n", 0o444)
	for _, made := range []string{"etc/systemd/system/refractd.service", "etc/systemd/system/refractd.socket"} {
		if err := os.Remove(filepath.Join(root, made)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(root, "etc/systemd/system/containerd.service"),
		"[Unit]\nDefaultDependencies=no\n[Service]\nType=notify\nExecStart="+stock+" --stock\nKillMode=process\nRestart=always\n", 0o644)
	write(t, filepath.Join(root, "etc/systemd/system/kubelet.service"),
		"[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/sleep infinity\n", 0o644)
	before := tree(t, root)
	script := strings.NewReplacer("FIRST", first, "SECOND", second, "BAD", bad, "REFUSING", refusing, "ASK", filepath.Join(first, "bin/refractd")+" ask").Replace(`
systemctl start containerd.service kubelet.service
step() { echo "-- $*"; }
refractd() { ASK /run/refractd/refractd.sock; echo; }
containerd() { ASK /run/containerd/containerd.sock; echo; }
kubelet() { systemctl show --property=MainPID --value kubelet.service; }
pid=$(kubelet)
step first; FIRST/share/refract/install install; refractd; containerd
[ "$(kubelet)" != "$pid" ] && echo kubelet restarted
stat --format %A /run/refractd/refractd.sock
systemctl is-active refractd.service refractd.socket
grep -E '^(Seccomp|NoNewPrivs|CapBnd):' "/proc/$(systemctl show --property=MainPID --value refractd.service)/status"
step again; pid=$(kubelet); FIRST/share/refract/install install; [ "$(kubelet)" = "$pid" ] && echo kubelet untouched
step killed; systemctl kill --signal=KILL refractd.service; refractd
step second; SECOND/share/refract/install install; refractd
step bad; BAD/share/refract/install install || echo "exit $?"; refractd; SECOND/share/refract/install verify
step refusing; REFUSING/share/refract/install install || echo "exit $?"; refractd; SECOND/share/refract/install verify
step containerd; FIRST/share/refract/install install --mode containerd; containerd; systemctl is-active refractd.service || true
step back; FIRST/share/refract/install rollback; containerd; refractd
step gone; FIRST/share/refract/install uninstall; containerd; systemctl is-active refractd.service refractd.socket containerd.service kubelet.service || true
[ -e /run/refractd ] || echo "no folder"
`)
	output := underSystemd(t, root, script)
	steps := map[string]string{}
	for _, step := range strings.Split(output, "-- ")[1:] {
		name, said, _ := strings.Cut(step, "\n")
		steps[name] = said
	}
	for name, want := range map[string][]string{
		"first": {"is installed, mode refractd", `refractd v1 []`, `containerd v1 ["--stock"]`, "kubelet restarted", "srw-rw----", "active\nactive",
			"Seccomp:\t2", "NoNewPrivs:\t1", "CapBnd:\t0000000000000004\n"},
		"again":      {"is installed already", "kubelet untouched"},
		"killed":     {`refractd v1 []`},
		"second":     {`refractd v2 []`},
		"bad":        {"does not work, going back", "is installed again", "exit 1", `refractd v2 []`, "is installed, mode refractd"},
		"refusing":   {"refractd.service: images cannot be pulled: on purpose", "does not work, going back", "exit 1", `refractd v2 []`, "is installed, mode refractd"},
		"containerd": {`containerd-refract v1 ["--stock"]`, "inactive"},
		"back":       {`containerd v1 ["--stock"]`, `refractd v2 []`},
		"gone":       {"removed", `containerd v1 ["--stock"]`, "inactive\ninactive\nactive\nactive\nno folder\n"},
	} {
		for _, words := range want {
			if !strings.Contains(steps[name], words) {
				t.Errorf("%s does not say %q:\n%s", name, words, steps[name])
			}
		}
	}
	if changed := differ(before, tree(t, root)); len(changed) > 0 {
		t.Errorf("left behind %v", changed)
	}
}
