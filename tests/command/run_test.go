// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/containerd/console"
	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// place is where commands are run: an empty home and an empty folder.
type place struct {
	t           *testing.T
	folder      string
	environment []string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	return &place{t, t.TempDir(), []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "TERM=xterm"}}
}

// with is the same place with further variables of the environment.
func (p *place) with(variables ...string) *place {
	return &place{p.t, p.folder, append(p.environment[:len(p.environment):len(p.environment)], variables...)}
}

func (p *place) command(arguments ...string) *exec.Cmd {
	p.t.Helper()
	program, err := programs.Find("bin", "refract")
	if err != nil {
		p.t.Fatal(err)
	}
	command := exec.CommandContext(p.t.Context(), program, arguments...)
	command.Dir, command.Env = p.folder, p.environment
	return command
}

// shell is a script that can call refract.
func (p *place) shell(script string, arguments ...string) *exec.Cmd {
	p.t.Helper()
	program, err := programs.Find("bin", "refract")
	if err != nil {
		p.t.Fatal(err)
	}
	command := exec.CommandContext(p.t.Context(), "bash", append([]string{"-c", "refract() { \"$REFRACT\" \"$@\"; }\n" + script, "bash"}, arguments...)...)
	command.Dir, command.Env = p.folder, append(p.environment, "REFRACT="+program)
	return command
}

type result struct {
	out, err string
	code     int
}

func (p *place) end(command *exec.Cmd) result {
	p.t.Helper()
	var out, err bytes.Buffer
	if command.Stdout == nil {
		command.Stdout = &out
	}
	command.Stderr = &err
	failed := command.Run()
	if failed != nil && !errors.As(failed, new(*exec.ExitError)) {
		p.t.Fatal(failed)
	}
	return result{out.String(), err.String(), command.ProcessState.ExitCode()}
}

func (p *place) run(arguments ...string) result {
	p.t.Helper()
	return p.end(p.command(arguments...))
}

// prints is what a command prints that succeeds without a word besides.
func (p *place) prints(arguments ...string) string {
	p.t.Helper()
	got := p.run(arguments...)
	if got.code != 0 || got.err != "" {
		p.t.Fatalf("%q: exit code %d, %q", arguments, got.code, got.err)
	}
	return got.out
}

// fails: with that exit code, nothing on the standard output, and one line with all those words.
func (p *place) fails(code int, words []string, arguments ...string) {
	p.t.Helper()
	got := p.run(arguments...)
	if got.code != code || got.out != "" {
		p.t.Errorf("%q: exit code %d, want %d; it printed %q, %q", arguments, got.code, code, got.out, got.err)
	}
	oneLine(p.t, got.err, words...)
}

func oneLine(t *testing.T, text string, words ...string) {
	t.Helper()
	if !strings.HasPrefix(text, "refract: ") || strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") || strings.ContainsAny(text, "\x1b\r\x07") {
		t.Errorf("the error is not one line: %q", text)
	}
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("the error %q lacks %q", text, word)
		}
	}
}

// onTerminal runs a command whose standard output is a terminal, and returns what arrives at the screen.
func (p *place) onTerminal(arguments ...string) string {
	p.t.Helper()
	screen, path, err := console.NewPty()
	if err != nil {
		p.t.Fatal(err)
	}
	defer screen.Close()
	output, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	arrived := make(chan string)
	go func() {
		// A terminal that nobody writes to any more ends with an error.
		text, _ := io.ReadAll(screen)
		arrived <- string(text)
	}()
	command := p.command(arguments...)
	command.Stdout = output
	got := p.end(command)
	output.Close()
	text := strings.ReplaceAll(<-arrived, "\r\n", "\n")
	if got.code != 0 {
		p.t.Errorf("%q: exit code %d, %s", arguments, got.code, got.err)
	}
	return text
}

// source is one of the ways by which the command reaches an image.
type source struct {
	name, image string
	registry    *registry.Server // nil for a layout
}

// everywhere has a shape in a registry and in a layout.
func everywhere(t *testing.T, shape shapes.Shape) []source {
	t.Helper()
	server := node.Serve(t, shape)
	server.ServeReferrers(true)
	return []source{{"registry", node.Name(server, shape), server}, {"layout", inLayout(t, shape), nil}}
}

func inLayout(t *testing.T, shape shapes.Shape) string {
	t.Helper()
	folder := t.TempDir()
	if err := shape.WriteLayout(folder, "v1"); err != nil {
		t.Fatal(err)
	}
	return "oci:" + folder + ":v1"
}

// attached is an image with one artifact about it.
func attached(t *testing.T, pieces ...node.Piece) (shapes.Shape, digest.Digest) {
	t.Helper()
	shape := shapes.ByName("multi-platform")
	artifact := node.Artifact(t, shape, "application/spdx+json", pieces...)
	artifact.ArtifactType = "application/spdx+json"
	return node.Attach(t, shape, node.About(artifact, shape.Selected, "sbom")), artifact.Digest
}

func text(title, content string) node.Piece {
	return node.Piece{MediaType: "text/plain", Title: title, Content: []byte(content)}
}

// platformOf is the platform that a shape's image is for.
func platformOf(shape shapes.Shape) string { return shape.Expect.Selections[0].Platform }
