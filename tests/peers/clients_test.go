// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// commandLimit is how long one command may take.
const commandLimit = 2 * time.Minute

// client is one that hands over the manifest which it has picked. It returns the manifest's bytes, or how it failed.
type client struct {
	name string
	pick func(t *testing.T, platform, reference string) ([]byte, error)
}

// clients are all but containerd, whose choice shows only in what it runs.
var clients = []client{
	{"crane", func(t *testing.T, platform, reference string) ([]byte, error) {
		return run(t, shared.tool("crane"), "manifest", "--insecure", "--platform", platform, reference)
	}},
	{"regctl", func(t *testing.T, platform, reference string) ([]byte, error) {
		host := "reg=" + shared.registry.Host() + ",tls=disabled"
		return run(t, shared.tool("regctl"), "--host", host, "manifest", "get", "--format", "raw-body", "--platform", platform, reference)
	}},
	{"skopeo", func(t *testing.T, platform, reference string) ([]byte, error) {
		to := t.TempDir()
		arguments := []string{"--insecure-policy"}
		for i, part := range strings.Split(platform, "/") {
			arguments = append(arguments, []string{"--override-os", "--override-arch", "--override-variant"}[i], part)
		}
		arguments = append(arguments, "copy", "--src-tls-verify=false", "docker://"+reference, "dir:"+to)
		if _, err := run(t, "skopeo", arguments...); err != nil {
			return nil, err
		}
		return os.ReadFile(filepath.Join(to, "manifest.json"))
	}},
}

// run runs a command that finds no configuration of this machine's user, and returns what it prints.
func run(t *testing.T, program string, arguments ...string) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandLimit)
	defer cancel()
	command := exec.CommandContext(ctx, program, arguments...)
	command.Env = append(os.Environ(), "HOME="+shared.dir, "XDG_RUNTIME_DIR="+shared.dir, "DOCKER_CONFIG="+shared.dir)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.Exited() {
		if crash := stderr.String(); strings.Contains(crash, "\ngoroutine ") {
			t.Errorf("%s crashes: %s", program, crash)
		}
		return nil, errors.New(strings.TrimSpace(stderr.String()))
	}
	if err != nil {
		t.Fatalf("%s %s: %v: %s", program, strings.Join(arguments, " "), err, stderr.String())
	}
	return stdout.Bytes(), nil
}

// prediction is what refract says of one client.
type prediction struct {
	digest string // of the manifest; empty if the client is said to fail
	reason string
	unread bool // refract cannot tell, because it does not read the bytes
}

func (p prediction) String() string {
	switch {
	case p.unread:
		return "cannot tell: " + p.reason
	case p.digest == "":
		return "fails: " + p.reason
	default:
		return p.digest + ": " + p.reason
	}
}

// predict asks for the predictions of all clients.
func predict(t *testing.T, blobs string, mediaType, root, platform string) map[string]prediction {
	t.Helper()
	printed, err := run(t, shared.predict, mediaType, root, blobs, platform)
	if err != nil {
		t.Fatalf("predict: %v", err)
	}
	predictions := map[string]prediction{}
	for line := range strings.Lines(string(printed)) {
		name, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		what, why, found := strings.Cut(rest, " ")
		if !found {
			t.Fatalf("predict printed %q", line)
		}
		switch what {
		case "error":
			predictions[name] = prediction{reason: why, unread: true}
		case "refuses":
			predictions[name] = prediction{reason: why}
		default:
			predictions[name] = prediction{digest: what, reason: why}
		}
	}
	if len(predictions) != len(clients)+1 {
		t.Fatalf("predict printed %d predictions, want %d:\n%s", len(predictions), len(clients)+1, printed)
	}
	return predictions
}

func short(err error) string {
	text := fmt.Sprint(err)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
