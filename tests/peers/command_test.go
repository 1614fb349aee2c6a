// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/refract-oci/refract/tests/programs"
)

// refract is the command, which finds no configuration of this machine's user.
func refract(t *testing.T, arguments ...string) *exec.Cmd {
	t.Helper()
	program, err := programs.Find("bin", "refract")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, append([]string{"--plain-http"}, arguments...)...)
	command.Env = append(os.Environ(), "HOME="+shared.dir, "DOCKER_CONFIG="+shared.dir)
	return command
}

// TestCommand: "refract select --as" answers what the predictor does, of every shape, with the registry's own documents.
func TestCommand(t *testing.T) {
	for _, shape := range slices.Concat(shared.shapes, shared.documents) {
		if shape.Root.Digest.Algorithm() == "blake3" {
			continue // a tag leads to bytes, of which a digest is made that can be verified
		}
		t.Run(shape.Name, func(t *testing.T) {
			blobs := folder(t, shape)
			for _, platform := range platforms {
				command := refract(t, "--output", "json", "select", "--platform", platform, "--as", "containerd,crane,regctl,skopeo", shared.reference(shape))
				printed, err := command.Output()
				want := predict(t, blobs, shape.Root.MediaType, shape.Root.Digest.String(), platform)
				if err != nil {
					// The root is not read, so nothing is told of any client.
					for name, one := range want {
						if !one.unread {
							t.Errorf("%s: refract select: %v, want %s", name, err, one)
						}
					}
					continue
				}
				var told struct {
					Clients []struct{ Client, Outcome, Digest string }
				}
				if err := json.Unmarshal(printed, &told); err != nil || len(told.Clients) != len(want) {
					t.Fatalf("refract select: %v: %s", err, printed)
				}
				for _, one := range told.Clients {
					predicted := want[one.Client]
					if one.Digest != predicted.digest || (one.Outcome == "unknown") != predicted.unread {
						t.Errorf("%s for %s: %s %s, want %s", one.Client, platform, one.Outcome, one.Digest, predicted)
					}
				}
			}
		})
	}
}

// TestCommandOfOneClient: how a single client fares is how the command ends; of several it only tells.
func TestCommandOfOneClient(t *testing.T) {
	reference := shared.registry.Host() + "/artifact-first-same-platform:latest"
	for _, one := range []struct {
		clients, platform string
		code              int
		stdout, stderr    string
	}{
		{"crane", platforms[0], 0, "sha256:", ""},
		{"containerd", platforms[0], 1, "", "containerd fails: "},
		{"regctl", "linux/s390x", 3, "", "regctl fails: no entry"},
		{"containerd,crane", platforms[0], 0, "CLIENT", ""},
		{"docker", platforms[0], 2, "", "want containerd, crane, regctl or skopeo"},
	} {
		command := refract(t, "select", "--platform", one.platform, "--as", one.clients, reference)
		var stdout, stderr strings.Builder
		command.Stdout, command.Stderr = &stdout, &stderr
		if err := command.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
			t.Fatal(err)
		}
		if code := command.ProcessState.ExitCode(); code != one.code {
			t.Errorf("--as %s --platform %s: exit code %d, want %d: %s", one.clients, one.platform, code, one.code, stderr.String())
		}
		if got := stdout.String(); !strings.HasPrefix(got, one.stdout) || (one.stdout == "") != (got == "") {
			t.Errorf("--as %s --platform %s prints %q", one.clients, one.platform, got)
		}
		if got := stderr.String(); !strings.Contains(got, one.stderr) || strings.Count(got, "\n") > 1 {
			t.Errorf("--as %s --platform %s: %q", one.clients, one.platform, got)
		}
	}
}
