// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// systemctl stands in for systemd's: it writes down what it was asked, and fails where the test says so. For that it may look at
// what is installed then.
const systemctl = `#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in
"cat kubelet.service") exit 0 ;;
esac
if eval "$FAILS"; then exit 1; fi
`

// onHost runs a command in a mount namespace in which etc, opt and run are those of the host's root, with a stand-in for systemd. It
// returns what systemctl was asked to do.
func onHost(t *testing.T, root, fails string, command ...string) (calls []string, output string, err error) {
	t.Helper()
	programs := t.TempDir()
	write(t, filepath.Join(programs, "systemctl"), systemctl, 0o755)
	write(t, filepath.Join(programs, "sleep"), "#!/bin/sh\necho \"sleeps $*\"\n", 0o755)
	log := filepath.Join(t.TempDir(), "calls")
	write(t, log, "", 0o644)
	// Programs from before the mount: the loader's cache is in the machine's etc.
	arguments := []string{"unshare", "--mount", "--propagation", "private", "/bin/sh", "-euc",
		`for folder in etc opt run; do mount --bind "$ROOT/$folder" "/$folder"; done; exec "$@"`, "sh"}
	output, err = run(t, []string{"ROOT=" + root, "PATH=" + programs + ":" + os.Getenv("PATH"), "CALLS=" + log, "FAILS=" + fails},
		append(arguments, command...)...)
	for line := range strings.Lines(read(t, log)) {
		// Looking changes nothing.
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "is-active") && !strings.HasPrefix(line, "cat") && !strings.HasPrefix(line, "show") {
			calls = append(calls, line)
		}
	}
	return calls, output, err
}

func realHost(t *testing.T) string {
	t.Helper()
	root := newHost(t)
	write(t, filepath.Join(root, "run/systemd/system/.keep"), "", 0o644)
	return root
}

var (
	startsRefractd   = []string{"daemon-reload", "start refractd.socket", "restart refractd.service", "restart kubelet.service"}
	startsContainerd = []string{"daemon-reload", "restart containerd.service"}
	// The kubelet is to find containerd again before refractd goes.
	stopsRefractd = []string{"daemon-reload", "restart kubelet.service", "stop refractd.service refractd.socket"}
)

func TestUnitsAreStartedAndStopped(t *testing.T) {
	root, bundle := realHost(t), newBundle(t, program("v1"))
	before := tree(t, root)
	install := filepath.Join(bundle, "share/refract/install")
	for _, step := range []struct {
		arguments []string
		want      []string
	}{
		{[]string{"install"}, startsRefractd},
		{[]string{"install"}, nil},
		{[]string{"install", "--mode", "containerd"}, append(slices.Clone(startsContainerd), stopsRefractd...)},
		{[]string{"rollback"}, append(slices.Clone(startsRefractd), startsContainerd...)},
		{[]string{"verify"}, nil},
		{[]string{"uninstall"}, stopsRefractd},
		{[]string{"install", "--mode", "containerd"}, startsContainerd},
		{[]string{"uninstall"}, startsContainerd},
	} {
		calls, output, err := onHost(t, root, "false", append([]string{install}, step.arguments...)...)
		if err != nil || !slices.Equal(calls, step.want) {
			t.Fatalf("%v: %v: %q, want %q\n%s", step.arguments, err, calls, step.want, output)
		}
	}
	if changed := differ(before, tree(t, root)); len(changed) > 0 {
		t.Errorf("left behind %v", changed)
	}
}

// A daemon that does not come up is taken away again, or replaced by the version before.
func TestDaemonThatDoesNotStartIsRolledBack(t *testing.T) {
	first, second := newBundle(t, program("v1")), newBundle(t, program("v2"))
	for _, c := range []struct{ mode, fails string }{
		{"refractd", `[ "$*" = "restart refractd.service" ]`},
		{"refractd", `[ "$*" = "restart kubelet.service" ] && [ -e /opt/refract/current ] && [ -e /etc/kubernetes/kubelet.conf.d/10-refract.conf ]`},
		{"refractd", `[ "$*" = "is-active --quiet refractd.service" ]`},
		// It was up before, and dies of what it reads now.
		{"refractd", `[ "$*" = "is-active --quiet kubelet.service" ] && grep -qx "restart kubelet.service" "$CALLS" && [ -e /etc/kubernetes/kubelet.conf.d/10-refract.conf ]`},
		{"containerd", `[ "$*" = "restart containerd.service" ] && [ -e /etc/systemd/system/containerd.service.d/10-refract.conf ]`},
	} {
		root := realHost(t)
		before := tree(t, root)
		_, output, err := onHost(t, root, c.fails, filepath.Join(first, "share/refract/install"), "install", "--mode", c.mode)
		if err == nil || !strings.Contains(output, "going back") {
			t.Errorf("%+v: %v: %s", c, err, output)
		}
		if changed := differ(before, tree(t, root)); len(changed) > 0 {
			t.Errorf("%+v: left behind %v", c, changed)
		}
		if _, output, err := onHost(t, root, "false", filepath.Join(first, "share/refract/install"), "install", "--mode", c.mode); err != nil {
			t.Fatalf("%v: %s", err, output)
		}
		installedFirst := tree(t, root)
		fails := c.fails + ` && grep -q v2 /opt/refract/current/bin/refractd /opt/refract/current/bin/containerd-refract`
		if _, output, err := onHost(t, root, fails, filepath.Join(second, "share/refract/install"), "install", "--mode", c.mode); err == nil {
			t.Errorf("%+v: %s", c, output)
		}
		if changed := differ(installedFirst, tree(t, root)); len(changed) > 0 {
			t.Errorf("%+v: an upgrade that failed left %v", c, changed)
		}
	}
}

// A run that ends before a unit was started again has placed everything. The next one starts it all the same.
func TestInterruptedStartIsMadeUpFor(t *testing.T) {
	for _, c := range []struct {
		mode, at string
		want     []string
	}{
		{"refractd", "restart refractd.service", startsRefractd},
		{"refractd", "restart kubelet.service", startsRefractd},
		{"containerd", "restart containerd.service", startsContainerd},
	} {
		root, install := realHost(t), filepath.Join(newBundle(t, program("v1")), "share/refract/install")
		before := tree(t, root)
		if _, output, err := onHost(t, root, `[ "$*" = "`+c.at+`" ] && kill -9 $PPID`, install, "install", "--mode", c.mode); err == nil {
			t.Fatalf("%+v: nothing ended: %s", c, output)
		}
		if _, output, err := onHost(t, root, "false", install, "verify"); err == nil || !strings.Contains(output, "interrupted") {
			t.Errorf("%+v: verify: %v: %s", c, err, output)
		}
		calls, output, err := onHost(t, root, "false", install, "install", "--mode", c.mode)
		if err != nil || !slices.Equal(calls, c.want) {
			t.Errorf("%+v: %v: %q\n%s", c, err, calls, output)
		}
		if calls, output, err := onHost(t, root, "false", install, "install", "--mode", c.mode); err != nil || len(calls) > 0 {
			t.Errorf("%+v: once more: %v: %q\n%s", c, err, calls, output)
		}
		if _, output, err := onHost(t, root, "false", install, "uninstall"); err != nil {
			t.Errorf("%+v: %v: %s", c, err, output)
		}
		if changed := differ(before, tree(t, root)); len(changed) > 0 {
			t.Errorf("%+v: left behind %v", c, changed)
		}
	}
}

// Putting a file back that somebody edited is no reason to take refract off the node, where a unit fails meanwhile.
func TestRepairThatFailsTakesNothingAway(t *testing.T) {
	root, install := realHost(t), filepath.Join(newBundle(t, program("v1")), "share/refract/install")
	if _, output, err := onHost(t, root, "false", install, "install"); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	with := tree(t, root)
	write(t, filepath.Join(root, "etc/systemd/system/refractd.service"), "edited", 0o644)
	_, output, err := onHost(t, root, `[ "$*" = "restart kubelet.service" ]`, install, "install")
	if err == nil || !strings.Contains(output, "stays") {
		t.Errorf("%v: %s", err, output)
	}
	if _, output, err := onHost(t, root, "false", install, "install"); err != nil {
		t.Errorf("%v: %s", err, output)
	}
	if changed := differ(with, tree(t, root)); len(changed) > 0 {
		t.Errorf("repaired is not as before: %v", changed)
	}
}

// What somebody had set up by hand runs again afterwards: the kubelet may be told of it.
func TestRefractdOfBeforeRunsAgain(t *testing.T) {
	root, install := realHost(t), filepath.Join(newBundle(t, program("v1")), "share/refract/install")
	if err := os.Symlink("../refractd.service", filepath.Join(root, "etc/systemd/system/multi-user.target.wants/refractd.service")); err != nil {
		t.Fatal(err)
	}
	before := tree(t, root)
	if _, output, err := onHost(t, root, "false", install, "install"); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	calls, output, err := onHost(t, root, "false", install, "uninstall")
	if want := []string{"daemon-reload", "restart refractd.socket refractd.service", "restart kubelet.service"}; err != nil || !slices.Equal(calls, want) {
		t.Errorf("%v: %q, want %q\n%s", err, calls, want, output)
	}
	if changed := differ(before, tree(t, root)); len(changed) > 0 {
		t.Errorf("left behind %v", changed)
	}
}

// A host that does not run as before is no host that was left as before.
func TestRemovalTellsWhatDoesNotStart(t *testing.T) {
	for mode, unit := range map[string]string{"refractd": "kubelet.service", "containerd": "containerd.service"} {
		root, install := realHost(t), filepath.Join(newBundle(t, program("v1")), "share/refract/install")
		before := tree(t, root)
		if _, output, err := onHost(t, root, "false", install, "install", "--mode", mode); err != nil {
			t.Fatalf("%v: %s", err, output)
		}
		_, output, err := onHost(t, root, `[ "$*" = "restart `+unit+`" ]`, install, "uninstall")
		if err == nil || !strings.Contains(output, unit) || !strings.Contains(output, "does not run as before") {
			t.Errorf("%s: %v: %s", mode, err, output)
		}
		if changed := differ(before, tree(t, root)); len(changed) > 0 {
			t.Errorf("%s: left behind %v", mode, changed)
		}
	}
}

// The image's program works on the host from a mount namespace of its own, as a container has one.
func TestEntrypointWorksOnTheHost(t *testing.T) {
	root, bundle := realHost(t), newBundle(t, program("v1"))
	config := filepath.Join(t.TempDir(), "config.toml")
	write(t, config, "# from the ConfigMap\n", 0o644)
	before := tree(t, root)
	// The shell is the host's first process; in a namespace within, the bundle is what the image would have in /usr/local.
	inContainer := `export HOST=$$ CONFIG=/mnt/config.toml
unshare --mount --propagation private /bin/sh -euc 'mount --bind "$0" /usr/local; mount -t tmpfs tmpfs /mnt; cp "$1" /mnt/config.toml; shift
exec /usr/local/share/refract/entrypoint "$@"' "$@"`
	entrypoint := func(command, fails string) ([]string, string) {
		t.Helper()
		calls, output, err := onHost(t, root, fails, "env", "MODE=refractd", "/bin/sh", "-euc", inContainer, "sh", bundle, config, command)
		if err != nil {
			t.Fatalf("%s: %v: %s", command, err, output)
		}
		return calls, output
	}
	if calls, output := entrypoint("install", "false"); !slices.Equal(calls, startsRefractd) {
		t.Errorf("%q: %s", calls, output)
	}
	if text := read(t, filepath.Join(root, "etc/refractd/config.toml")); text != "# from the ConfigMap\n" {
		t.Errorf("config.toml: %s", text)
	}
	entrypoint("verify", "false")
	if calls, output := entrypoint("uninstall", "false"); !slices.Equal(calls, stopsRefractd) {
		t.Errorf("%q: %s", calls, output)
	}
	// A pod that ended would be started again, and try again, and restart the host's units each time.
	if _, output := entrypoint("install", `[ "$*" = "restart refractd.service" ]`); !strings.Contains(output, "going back") || !strings.Contains(output, "sleeps infinity") {
		t.Errorf("after a failure: %s", output)
	}
	if changed := differ(before, tree(t, root)); len(changed) > 0 {
		t.Errorf("left behind %v", changed)
	}
}
