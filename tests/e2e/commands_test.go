// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/shapes"
)

// TestCommandsOnPulledImages: images ls, check, usage, export and push say of every shape what stock's say of a plain image:
// nothing on standard error, no error in the daemon's log, and the content is whole. What was exported and what was pushed is
// imported and pulled again, and runs.
func TestCommandsOnPulledImages(t *testing.T) {
	daemon := refractDaemon(t)
	const namespace = "commands"
	runnable, _ := shared.runnable()
	for _, shape := range runnable {
		t.Run(shape.Name, func(t *testing.T) {
			begin, err := daemon.LogMark()
			if err != nil {
				t.Fatal(err)
			}
			name := shared.tag(shape)
			if err := daemon.Pull(t.Context(), namespace, name); err != nil {
				t.Fatal(err)
			}
			defer command(t, daemon, namespace, "images", "rm", "--sync", name)
			command(t, daemon, namespace, "images", "ls", "name=="+name)
			if told := command(t, daemon, namespace, "images", "check", "name=="+name); !strings.Contains(told, "complete (") || strings.Contains(told, "incomplete") {
				t.Errorf("images check: %s", told)
			}
			command(t, daemon, namespace, "images", "usage", name)
			exported(t, daemon, namespace, name, shape)
			pushed(t, daemon, namespace, name, shape)
			log, err := daemon.LogSince(begin)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(log) {
				// The shim's own words are about the machine's cgroups.
				loud := strings.Contains(line, "level=error") || strings.Contains(line, "level=fatal")
				if loud && !strings.Contains(line, "runtime=io.containerd.runc.v2") {
					t.Errorf("the daemon's log has %s", line)
				}
			}
		})
	}
	nothingStays(t, daemon, namespace)
}

// command must succeed, and write nothing on standard error.
func command(t *testing.T, daemon *harness.Daemon, namespace string, arguments ...string) string {
	t.Helper()
	result, err := daemon.Ctr(t.Context(), namespace, arguments...)
	if err != nil {
		t.Fatal(err)
	}
	if result.Code != 0 || result.Errors() != "" {
		t.Errorf("%s: exit code %d: %s", strings.Join(arguments, " "), result.Code, result.Errors())
	}
	return result.Stdout
}

// exported exports in each way that ctr has, and imports the file and runs it.
func exported(t *testing.T, daemon *harness.Daemon, namespace, name string, shape shapes.Shape) {
	t.Helper()
	for i, flags := range [][]string{nil, {"--local"}, {"--platform", "linux/" + goarch}, {"--local", "--platform", "linux/" + goarch}} {
		file := filepath.Join(t.TempDir(), fmt.Sprintf("%d.tar", i))
		command(t, daemon, namespace, append(append([]string{"images", "export"}, flags...), file, name)...)
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
			continue
		}
		const other = "imported"
		command(t, daemon, other, "images", "import", "--local", "--snapshotter", daemon.Snapshotter, file)
		if output, err := daemon.Run(t.Context(), other, name); err != nil || output != shape.Output {
			t.Errorf("exported with %q and imported: it printed %q, want %q: %v", flags, output, shape.Output, err)
		}
		command(t, daemon, other, "images", "rm", "--sync", name)
	}
}

// pushed pushes in each way that ctr has, and pulls that and runs it.
func pushed(t *testing.T, daemon *harness.Daemon, namespace, name string, shape shapes.Shape) {
	t.Helper()
	for i, flags := range [][]string{nil, {"--local"}, {"--platform", "linux/" + goarch}, {"--local", "--platform", "linux/" + goarch}} {
		copied := fmt.Sprintf("%s/pushed-%d/%s:latest", shared.storing.Host, i, shape.Name)
		command(t, daemon, namespace, append(append([]string{"images", "push", "--plain-http"}, flags...), copied, name)...)
		const other = "pulled-again"
		if err := daemon.Pull(t.Context(), other, copied); err != nil {
			t.Errorf("pushed with %q and pulled: %v", flags, err)
			continue
		}
		if output, err := daemon.Run(t.Context(), other, copied); err != nil || output != shape.Output {
			t.Errorf("pushed with %q and pulled: it printed %q, want %q: %v", flags, output, shape.Output, err)
		}
		command(t, daemon, other, "images", "rm", "--sync", copied)
	}
}
