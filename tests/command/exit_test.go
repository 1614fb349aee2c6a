// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"bytes"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// TestWrongUsageIsExitCodeTwo: it says so in a line that names the help of the command that was meant.
func TestWrongUsageIsExitCodeTwo(t *testing.T) {
	p := newPlace(t)
	for _, c := range []struct {
		help      string
		arguments []string
	}{
		{"refract --help", nil},
		{"refract --help", []string{"bogus"}},
		{"refract --help", []string{"--bogus"}},
		{"refract --help", []string{"bogus\n\x1b[2J"}},
		{"refract references --help", []string{"references"}},
		{"refract references --help", []string{"references", "bogus", "image"}},
		{"refract references --help", []string{"refs", "bogus", "image"}},
		{"refract references --help", []string{"references", ""}},
		{"refract references --help", []string{"references", "image", "--bogus"}},
		{"refract references ls --help", []string{"references", "image", "ls"}},
		{"refract references ls --help", []string{"references", "ls"}},
		{"refract references ls --help", []string{"references", "ls", ""}},
		{"refract references ls --help", []string{"references", "ls", "UPPER/CASE"}},
		{"refract references ls --help", []string{"references", "ls", "image", "more"}},
		{"refract references ls --help", []string{"references", "ls", "--bogus\n\x1b[2J", "image"}},
		{"refract references ls --help", []string{"references", "ls", "--output", "yaml", "image"}},
		{"refract references ls --help", []string{"references", "ls", "--output", "", "image"}},
		{"refract references ls --help", []string{"references", "ls", "--type", "", "image"}},
		{"refract references ls --help", []string{"references", "ls", "--artifact-type", "", "image"}},
		{"refract references ls --help", []string{"references", "ls", "--platform", "", "image"}},
		{"refract references ls --help", []string{"references", "ls", "--platform", "linux/", "image"}},
		{"refract references ls --help", []string{"references", "ls", "--platform", "linux/amd64/v2/more", "image"}},
		{"refract references ls --help", []string{"references", "ls", "--annotation", "key", "image"}},
		{"refract references ls --help", []string{"references", "ls", "--annotation", "=value", "image"}},
		{"refract references ls --help", []string{"references", "ls", "--source", "bogus", "image"}},
		{"refract references ls --help", []string{"references", "ls", "--source", "", "image"}},
		{"refract references ls --help", []string{"references", "ls", "--timeout", "-1", "image"}},
		{"refract references ls --help", []string{"references", "ls", "--username", "me", "registry.example/image"}},
		{"refract references ls --help", []string{"references", "ls", "--deadline", "0", "image"}},
		{"refract references ls --help", []string{"references", "ls", "--deadline", "-1", "image"}},
		{"refract references ls --help", []string{"references", "ls", "--deadline", "nan", "image"}},
		{"refract references ls --help", []string{"references", "ls", "--deadline", "inf", "image"}},
		{"refract references ls --help", []string{"references", "ls", "--deadline", "86401", "image"}},
		{"refract references ls --help", []string{"references", "ls", "--deadline", "1m", "image"}},
		{"refract references ls --help", []string{"references", "ls", "--deadline", "", "image"}},
		{"refract references get --help", []string{"references", "get", "--deadline", "0", "image"}},
		{"refract references --help", []string{"references", "--deadline", "0", "image"}},
		{"refract inspect --help", []string{"inspect", "--deadline", "0", "image"}},
		{"refract references tree --help", []string{"references", "tree"}},
		{"refract references get --help", []string{"references", "get"}},
		{"refract references get --help", []string{"references", "get", "image", ""}},
		{"refract references get --help", []string{"references", "get", "image", "digest", "more"}},
		{"refract references get --help", []string{"references", "get", "-o", "", "image"}},
		{"refract references get --help", []string{"references", "get", "--layer", "", "image"}},
		{"refract references get --help", []string{"references", "get", "--manifest", "--layer", "0", "image"}},
		{"refract references get --help", []string{"references", "get", "--all", "image"}},
		{"refract references get --help", []string{"references", "get", "--all", "-o", "here", "image", "sha256:00"}},
		{"refract references get --help", []string{"references", "get", "--output", "json", "image"}},
		{"refract inspect --help", []string{"inspect"}},
		{"refract inspect --help", []string{"inspect", "--raw", "--output", "json", "image"}},
		{"refract select --help", []string{"select", "image"}},
		{"refract select --help", []string{"select", "--platform", "linux/", "image"}},
		{"refract completion --help", []string{"completion"}},
		{"refract completion --help", []string{"completion", "tcsh"}},
		{"refract completion --help", []string{"completion", "bash", "--output", "json"}},
	} {
		p.fails(2, []string{"(see " + c.help + ")\n"}, c.arguments...)
	}
	if left, err := os.ReadDir(p.folder); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestAWordThatIsNoCommandIsNamed: not the image behind it.
func TestAWordThatIsNoCommandIsNamed(t *testing.T) {
	p := newPlace(t)
	p.fails(2, []string{`there is no command "lst"`}, "references", "lst", "image")
	p.fails(2, []string{`there is no command "bogus"`}, "bogus")
	p.fails(2, []string{"IMAGE or a command is required"}, "references")
	p.fails(2, []string{"more"}, "references", "ls", "image", "more")
	p.fails(2, []string{"above 0"}, "references", "ls", "--deadline", "0", "image")
}

// TestEveryOptionIsExplained: a line of help for each, and no type names of the parser beside it.
func TestEveryOptionIsExplained(t *testing.T) {
	p := newPlace(t)
	for _, command := range []string{"", "inspect", "select", "references", "references ls", "references tree", "references get", "completion", "version"} {
		help := p.prints(append(strings.Fields(command), "--help")...)
		options := 0
		for line := range strings.Lines(strings.ReplaceAll(help, "\n"+strings.Repeat(" ", 30), "  ")) {
			if !strings.HasPrefix(line, "  -") {
				continue
			}
			options++
			if about := line[min(len(line), 30):]; len(strings.Fields(about)) < 2 {
				t.Errorf("%q: nothing is said of %q", command, line)
			}
		}
		if options == 0 || strings.Contains(help, "TEXT") {
			t.Errorf("%q: %s", command, help)
		}
	}
	if help := p.prints("--help"); !strings.Contains(help, "130") {
		t.Errorf("exit codes are missing in %s", help)
	}
	version := p.prints("--version")
	if !strings.HasPrefix(p.prints("version"), version) || !strings.HasPrefix(version, "refract ") {
		t.Errorf("--version prints %q", version)
	}
}

// TestWhatIsNotThereIsExitCodeThree: images, platforms and what is attached.
func TestWhatIsNotThereIsExitCodeThree(t *testing.T) {
	p := newPlace(t)
	shape := shapes.ByName("images-first")
	for _, from := range everywhere(t, shape) {
		t.Run(from.name, func(*testing.T) {
			for _, command := range [][]string{{"inspect"}, {"inspect", "--raw"}, {"references", "ls"}, {"references", "tree"}, {"references", "get"}} {
				elsewhere := from.image[:strings.LastIndexByte(from.image, ':')]
				p.fails(3, []string{"nowhere"}, append(command, elsewhere+":nowhere")...)
				absent := digest.FromString("nothing")
				p.fails(3, []string{absent.Encoded()}, append(command, elsewhere+"@"+absent.String())...)
			}
			p.fails(3, []string{"windows/mips64"}, "select", "--platform", "windows/mips64", from.image)
			p.fails(3, []string{`no "sha256:00"`, "references ls"}, "references", "get", from.image, "sha256:00")
			p.fails(3, []string{`"bogus"`}, "references", "get", "--type", "bogus", from.image)
			p.fails(3, []string{"no layer", `"9"`}, "references", "get", "--type", "sbom", "--layer", "9", from.image)
		})
	}
	p.fails(3, []string{"nothing-here"}, "inspect", "oci:nothing-here:v1")
}

// TestFailuresAreExitCodeOne: one line, on whatever goes wrong at the other end.
func TestFailuresAreExitCodeOne(t *testing.T) {
	shape := shapes.ByName("images-first")
	server := node.Serve(t, shape)
	p, image := newPlace(t), node.Name(server, shape)
	faults := map[string]registry.Fault{
		"500":          registry.Status(http.StatusInternalServerError),
		"403":          registry.Status(http.StatusForbidden),
		"escapes":      registry.Body("application/json", []byte("\x1b[2J\nnot JSON\r\n")),
		"not an index": registry.Body("application/json", []byte(`{"schemaVersion":2,"mediaType":"\u001b[2J\n"}`)),
		"cut":          registry.Cut(shape.Blobs[shape.Root.Digest], 10),
	}
	for name, fault := range faults {
		server.Inject(fault)
		got := p.run("references", "ls", "--timeout", "5", image)
		if got.code != 1 || got.out != "" {
			t.Errorf("%s: exit code %d, %q", name, got.code, got.out)
		}
		oneLine(t, got.err)
	}
	server.Close()
	p.fails(1, []string{server.Host()}, "inspect", image)
	single := shapes.ByName("single-manifest")
	p.fails(1, []string{"single manifest"}, "select", "--platform", "linux/amd64", inLayout(t, single))
}

// TestASignalEndsInOrder: while the registry holds its answer, with one line and 130, and nothing half-done.
func TestASignalEndsInOrder(t *testing.T) {
	shape, artifact := attached(t, text("name", "content"))
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		for _, held := range []digest.Digest{shape.Root.Digest, digest.FromString("content")} {
			server := node.Serve(t, shape)
			waiting := make(chan registry.Target, 1)
			server.Inject(registry.OnGet(held, registry.Hold(t.Context().Done(), waiting)))
			p := newPlace(t)
			command := p.command("references", "get", node.Name(server, shape), artifact.String(), "-o", "made/in/vain/")
			var complaint bytes.Buffer
			command.Stderr = &complaint
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			<-waiting
			if err := command.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			_ = command.Wait() // told by the exit code
			if code := command.ProcessState.ExitCode(); code != 130 {
				t.Errorf("%s: exit code %d", signal, code)
			}
			oneLine(t, complaint.String())
			if files := filesBelow(t, p.folder); len(files) != 0 {
				t.Errorf("%s: left behind: %q", signal, files)
			}
		}
	}
}

// TestASignalEndsWaitingForAPipe: that nobody empties.
func TestASignalEndsWaitingForAPipe(t *testing.T) {
	shape, _ := attached(t, text("", strings.Repeat("a line of text\n", 200_000)))
	p := newPlace(t)
	reading, writing, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Close()
	command := p.command("references", "get", inLayout(t, shape))
	var complaint bytes.Buffer
	command.Stdout, command.Stderr = writing, &complaint
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	writing.Close()
	waitUntilFull(t, reading)
	if err := command.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait() // told by the exit code
	if code := command.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d", code)
	}
	oneLine(t, complaint.String())
}

// TestASignalEndsWaitingForAPassword: nobody has to press Ctrl-C twice.
func TestASignalEndsWaitingForAPassword(t *testing.T) {
	p := newPlace(t)
	reading, writing, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writing.Close()
	command := p.command("inspect", "--username", "me", "--password-stdin", "127.0.0.1:1/image")
	var complaint bytes.Buffer
	command.Stdin, command.Stderr = reading, &complaint
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	reading.Close()
	waitForReader(t, writing)
	if err := command.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait() // told by the exit code
	if code := command.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d: %q", code, complaint.String())
	}
	oneLine(t, complaint.String())
}
