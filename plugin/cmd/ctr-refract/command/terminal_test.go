// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/refract-oci/refract/plugin/cmd/ctr-refract/command"
	"github.com/refract-oci/refract/tests/shapes"
)

// terminal opens a pseudo-terminal: what is written to the one end as a program's output is read at the other as what arrives
// at a person's screen.
func terminal(t *testing.T) (screen, output *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	control := func(request uintptr, value *int32) {
		if _, _, failed := syscall.Syscall(syscall.SYS_IOCTL, screen.Fd(), request, uintptr(unsafe.Pointer(value))); failed != 0 {
			t.Fatal(failed)
		}
	}
	var unlocked, number int32
	control(syscall.TIOCSPTLCK, &unlocked)
	control(syscall.TIOCGPTN, &number)
	output, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return screen, output
}

// onTerminal runs a command whose standard output is a terminal, and returns what arrives there.
func (p *place) onTerminal(t *testing.T, arguments ...string) string {
	t.Helper()
	screen, output := terminal(t)
	arrived := make(chan string)
	go func() {
		// A terminal that nobody writes to any more ends with an error.
		text, _ := io.ReadAll(screen)
		arrived <- string(text)
	}()
	err := p.root(output, io.Discard).Run(p.ctx, append([]string{"ctr-refract", "references"}, arguments...))
	output.Close()
	text := strings.ReplaceAll(<-arrived, "\r\n", "\n")
	if err != nil {
		t.Errorf("%q: %s", arguments, command.ErrorText(err))
	}
	return text
}

func TestTreeIsColouredOnATerminalOnly(t *testing.T) {
	p, name := pulled(t, shapes.ByName("weak-references"))
	plain := p.succeeds("tree", name) // the harness checks that there are no escape sequences in it
	without := strings.NewReplacer("\x1b[1m", "", "\x1b[33m", "", "\x1b[0m", "")
	for _, c := range []struct {
		name, noColour, term string
		coloured             bool
	}{
		{"terminal", "", "xterm", true},
		{"NO_COLOR", "1", "xterm", false},
		{"dumb terminal", "", "dumb", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("NO_COLOR", c.noColour)
			t.Setenv("TERM", c.term)
			got := p.onTerminal(t, "tree", name)
			if strings.Contains(got, "\x1b") != c.coloured {
				t.Errorf("coloured: %v\n%q", !c.coloured, got)
			}
			if without.Replace(got) != plain {
				t.Errorf("arrived\n%s\nwant, but for colours,\n%s", got, plain)
			}
			if got := p.onTerminal(t, "ls", name); strings.Contains(got, "\x1b") || got != p.succeeds("ls", name) {
				t.Errorf("the table is %q", got)
			}
		})
	}
}

// Content goes into files and pipes as it is, and is made harmless only on its way to a person's eyes.
func TestGetToATerminalShowsContentAndDoesNothing(t *testing.T) {
	const content = "{\n\t\"name\": \"ünïcode – 漢字 🦆\",\n\t\"evil\": \"\x1b[2J\x1b]0;t\a\u202e\u009b\r\xff\xf0\x9f\"\n}"
	want := "{\n        \"name\": \"ünïcode – 漢字 🦆\",\n        \"evil\": \"\\x1b[2J\\x1b]0;t\\x07\\xe2\\x80\\xae\\xc2\\x9b\\x0d\\xff\\xf0\\x9f\"\n}"
	p, name, _, _ := withArtifact(t, piece("", content))
	if got := strings.ReplaceAll(p.onTerminal(t, "get", name), "\t", "        "); got != want {
		t.Errorf("arrived %q, want %q", got, want)
	}
	if got := p.run("get", name); got.out != content {
		t.Errorf("to a pipe: %q", got.out)
	}
}

// Content comes in pieces, and a character may begin in one and end in the next.
func TestGetToATerminalKeepsCharactersThatPiecesCut(t *testing.T) {
	for shift := range 4 {
		content := strings.Repeat("x", shift) + strings.Repeat("🦆\n漢\n", 20_000)
		p, name, _, _ := withArtifact(t, piece("", content))
		if got := p.onTerminal(t, "get", name); got != content {
			t.Errorf("shifted by %d: %d bytes arrived of %d", shift, len(got), len(content))
		}
	}
	// A character that never ends is shown as the bytes that it has.
	p, name, _, _ := withArtifact(t, piece("", "end\xf0\x9f"))
	if got := p.onTerminal(t, "get", name); got != `end\xf0\x9f` {
		t.Errorf("arrived %q", got)
	}
}
