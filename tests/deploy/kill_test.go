// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// changers are the programs by which the script changes anything.
var changers = []string{"cp", "ln", "mkdir", "mv", "rm", "rmdir", "sync", "chmod", "sed"}

// interrupting is a folder for the front of PATH. In there, each of these programs counts its call, and at a given one does something
// else than what it is for.
func interrupting(t *testing.T, by string) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range changers {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(folder, name), "#!/bin/sh\nread -r calls <\"$CALLS\"\ncalls=$((calls + 1))\necho $calls >\"$CALLS\"\n"+
			"[ $calls != \"$INTERRUPT_AT\" ] || "+by+"\nexec "+path+" \"$@\"\n", 0o755)
	}
	return folder
}

// interruptedAt runs the script and interrupts it at a call; 0 lets it run. It returns the number of calls.
func interruptedAt(t *testing.T, programs, bundle string, call int, arguments ...string) (int, error) {
	t.Helper()
	calls := filepath.Join(t.TempDir(), "calls")
	write(t, calls, "0\n", 0o644)
	output, ended := script(t, bundle, []string{"PATH=" + programs + ":" + os.Getenv("PATH"), "CALLS=" + calls, fmt.Sprint("INTERRUPT_AT=", call)}, arguments...)
	if ended != nil && call == 0 {
		t.Fatalf("call %d: %v: %s", call, ended, output)
	}
	count, err := strconv.Atoi(strings.TrimSpace(read(t, calls)))
	if err != nil {
		t.Fatal(err)
	}
	return count, ended
}

// At whatever step a run ends, the host has programs that belong together, no file is half there, and the next run goes on.
func TestKilledAtEachStep(t *testing.T) {
	killers, first, second := interrupting(t, "kill -9 0"), newBundle(t, program("v1")), newBundle(t, program("v2"))
	known := contents(t, first, second)
	for name, c := range map[string]struct {
		before  [][]string // commands of the first bundle that run undisturbed
		killed  string     // the second bundle's command that is killed
		recover string     // the second bundle's command that goes on
		want    string     // the version after that
	}{
		"first install":            {nil, "install", "install", "v2"},
		"first install, then gone": {nil, "install", "uninstall", ""},
		"upgrade":                  {[][]string{{"install"}}, "install", "install", "v2"},
		"uninstall":                {[][]string{{"install"}}, "uninstall", "uninstall", ""},
		"uninstall, then again":    {[][]string{{"install"}}, "uninstall", "install", "v2"},
		"rollback":                 {[][]string{{"install", "--mode", "containerd"}, {"install"}}, "rollback", "install", "v2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := newHost(t)
			before := tree(t, root)
			for _, arguments := range c.before {
				mustRun(t, first, append(arguments, "--root", root)...)
			}
			prepared := copied(t, root)
			calls, _ := interruptedAt(t, killers, second, 0, c.killed, "--root", root)
			if calls < 10 {
				t.Fatalf("%s changes things by %d calls", c.killed, calls)
			}
			for call := 1; call <= calls; call++ {
				root := copied(t, prepared)
				if _, err := interruptedAt(t, killers, second, call, c.killed, "--root", root); err == nil {
					t.Fatalf("call %d: nothing ended", call)
				}
				// Nothing may point at programs that are not whole.
				version := installed(t, root, "refractd") + installed(t, root, "containerd-refract")
				if version != "" && version != "v1" && version != "v2" {
					t.Errorf("call %d: runs %q", call, version)
				}
				for path, what := range tree(t, filepath.Join(root, "etc")) {
					if fields := strings.Fields(what); len(fields) == 3 && !strings.HasSuffix(path, ".refract-new") && !known[fields[2]] {
						t.Errorf("call %d: %s is half there", call, path)
					}
				}
				// A host that goes down here has no kubelet that asks for what does not come up with it.
				etc := filepath.Join(root, "etc")
				if _, err := os.Stat(filepath.Join(etc, "kubernetes/kubelet.conf.d/10-refract.conf")); err == nil {
					for _, unit := range []string{"multi-user.target.wants/refractd.service", "sockets.target.wants/refractd.socket"} {
						if _, err := os.Lstat(filepath.Join(etc, "systemd/system", unit)); err != nil {
							t.Errorf("call %d: the kubelet is told of refractd: %v", call, err)
						}
					}
				}
				mustRun(t, second, c.recover, "--root", root)
				if got := installed(t, root, "refractd"); got != c.want {
					t.Errorf("call %d: after %s there is %q, want %q", call, c.recover, got, c.want)
				}
				if c.want != "" {
					mustRun(t, second, "uninstall", "--root", root)
				}
				if changed := differ(before, tree(t, root)); len(changed) > 0 {
					t.Fatalf("call %d: left behind:\n%s", call, strings.Join(changed, "\n"))
				}
			}
			t.Logf("killed at each of %d calls", calls)
		})
	}
}

// One call that fails, as on a full disk: the script says so, and the host has what it had.
func TestFailingAtEachStep(t *testing.T) {
	failing, first, second := interrupting(t, "exit 1"), newBundle(t, program("v1")), newBundle(t, program("v2"))
	for _, upgrade := range []bool{false, true} {
		t.Run(fmt.Sprint("upgrade ", upgrade), func(t *testing.T) {
			t.Parallel()
			root := newHost(t)
			before := tree(t, root)
			if upgrade {
				mustRun(t, first, "install", "--root", root)
			}
			prepared := copied(t, root)
			calls, _ := interruptedAt(t, failing, second, 0, "install", "--root", root)
			for call := 1; call <= calls; call++ {
				root := copied(t, prepared)
				_, err := interruptedAt(t, failing, second, call, "install", "--root", root)
				want := "v2"
				if err != nil {
					want = ""
					if upgrade {
						want = "v1"
					}
				}
				if got := installed(t, root, "refractd"); got != want {
					t.Errorf("call %d: error %v, and %q is installed, want %q", call, err, got, want)
				}
				if want != "" {
					mustRun(t, second, "verify", "--root", root)
					mustRun(t, second, "uninstall", "--root", root)
				}
				if changed := differ(before, tree(t, root)); len(changed) > 0 {
					t.Errorf("call %d: left behind:\n%s", call, strings.Join(changed, "\n"))
				}
			}
		})
	}
}

// copied is another host that is in the same state.
func copied(t *testing.T, root string) string {
	t.Helper()
	other := t.TempDir()
	if output, err := run(t, nil, "cp", "-a", root+"/.", other); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return other
}

// contents are the hashes of all files that may stand in etc: the host's own, and those that the bundles put there.
func contents(t *testing.T, bundles ...string) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	for _, bundle := range bundles {
		for _, mode := range []string{"refractd", "containerd"} {
			root := newHost(t)
			before := tree(t, filepath.Join(root, "etc"))
			mustRun(t, bundle, "install", "--root", root, "--mode", mode)
			for _, all := range []map[string]string{before, tree(t, filepath.Join(root, "etc"))} {
				for _, what := range all {
					if fields := strings.Fields(what); len(fields) == 3 {
						known[fields[2]] = true
					}
				}
			}
		}
	}
	return known
}
