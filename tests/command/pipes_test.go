// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/shapes"
)

// waitForReader waits until what is written into a pipe has been read.
func waitForReader(t *testing.T, pipe *os.File) {
	t.Helper()
	if _, err := pipe.WriteString("half a password"); err != nil {
		t.Fatal(err)
	}
	waitForPipe(t, pipe, func(held int32) bool { return held == 0 })
}

// waitUntilFull waits until a pipe takes no more.
func waitUntilFull(t *testing.T, pipe *os.File) {
	t.Helper()
	size, _, failed := syscall.Syscall(syscall.SYS_FCNTL, pipe.Fd(), syscall.F_GETPIPE_SZ, 0)
	if failed != 0 {
		t.Fatal(failed)
	}
	// Less than a page may be free, which takes no whole write.
	waitForPipe(t, pipe, func(held int32) bool { return int(held) > int(size)-os.Getpagesize() })
}

func waitForPipe(t *testing.T, pipe *os.File, done func(held int32) bool) {
	t.Helper()
	err := programs.Poll(10*time.Second, func() error {
		var held int32
		if _, _, failed := syscall.Syscall(syscall.SYS_IOCTL, pipe.Fd(), syscall.TIOCINQ, uintptr(unsafe.Pointer(&held))); failed != 0 {
			return programs.Hopeless{Reason: failed}
		}
		if !done(held) {
			return fmt.Errorf("the pipe holds %d bytes", held)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// filesBelow are all files and folders below one.
func filesBelow(t *testing.T, folder string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
		if relative, _ := filepath.Rel(folder, path); relative != "." {
			found = append(found, relative)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestAReaderThatGoesAwayEndsItSilently: as with other programs, so that "| head" is no error.
func TestAReaderThatGoesAwayEndsItSilently(t *testing.T) {
	big, _ := attached(t, text("", strings.Repeat("a line of text\n", 200_000)))
	many := shapes.ByName("artifacts-200")
	p := newPlace(t)
	for _, c := range []struct {
		shape shapes.Shape
		call  string
	}{
		{big, "references get"}, {many, "references ls --no-trunc"}, {many, "references tree --no-trunc"}, {many, "references ls --output json"},
		{many, "inspect"},
	} {
		image := inLayout(t, c.shape)
		got := p.end(p.shell("refract "+c.call+` "$1" | head -n 1; echo "${PIPESTATUS[@]}"`, image))
		codes := strings.Fields(got.out[strings.LastIndexByte(strings.TrimSuffix(got.out, "\n"), '\n')+1:])
		if got.err != "" || len(codes) != 2 || codes[0] != "141" && codes[0] != "0" || codes[1] != "0" {
			t.Errorf("%s: %q, exit codes %v", c.call, got.err, codes)
		}
		if c.call == "references get" && codes[0] != "141" {
			t.Errorf("%s: the reader's end was not seen: %v", c.call, codes)
		}
	}
}

// TestAFullDiskIsAnError: what was not written is not said to be printed.
func TestAFullDiskIsAnError(t *testing.T) {
	shape, references := shapes.EverySource()
	image := inLayout(t, shape)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	p := newPlace(t)
	for _, arguments := range [][]string{
		{"inspect", image}, {"inspect", "--raw", image}, {"references", "ls", image}, {"references", "tree", "--output", "json", image},
		{"references", "get", image, references[len(references)-1].Digest.String()}, {"select", "--platform", platformOf(shape), image},
		{"version"}, {"--version"}, {"--help"}, {"references", "ls", "--help"}, {"completion", "fish"},
	} {
		command := p.command(arguments...)
		command.Stdout = full
		got := p.end(command)
		if got.code != 1 {
			t.Errorf("%q: exit code %d", arguments, got.code)
		}
		oneLine(t, got.err, "standard output", "No space left on device")
	}
}

// TestColoursAreForTerminals: and not for those that want none.
func TestColoursAreForTerminals(t *testing.T) {
	shape := shapes.ByName("weak-references")
	p := newPlace(t)
	image := inLayout(t, shape)
	plain := p.prints("references", "tree", image)
	if strings.Contains(plain, "\x1b") {
		t.Errorf("a pipe got colours: %q", plain)
	}
	without := strings.NewReplacer("\x1b[1m", "", "\x1b[33m", "", "\x1b[0m", "")
	for _, c := range []struct {
		name     string
		in       *place
		coloured bool
	}{
		{"terminal", p, true}, {"empty NO_COLOR", p.with("NO_COLOR="), true}, {"NO_COLOR", p.with("NO_COLOR=1"), false}, {"dumb", p.with("TERM=dumb"), false},
	} {
		got := c.in.onTerminal("references", "tree", image)
		if strings.Contains(got, "\x1b") != c.coloured {
			t.Errorf("%s: coloured: %v\n%q", c.name, !c.coloured, got)
		}
		if without.Replace(got) != plain {
			t.Errorf("%s: arrived\n%s\nwant, but for colours,\n%s", c.name, got, plain)
		}
		if got := c.in.onTerminal("references", "ls", image); got != p.prints("references", "ls", image) {
			t.Errorf("%s: the table is %q", c.name, got)
		}
		if got := c.in.onTerminal("references", "tree", "--output", "json", image); strings.Contains(got, "\x1b") {
			t.Errorf("%s: JSON is %q", c.name, got)
		}
	}
}

// TestATerminalShowsContentAndDoesNothing: escaped on its way to a person's eyes, exact everywhere else.
func TestATerminalShowsContentAndDoesNothing(t *testing.T) {
	const content = "{\n\t\"name\": \"ünïcode – 漢字 🦆\",\n\t\"evil\": \"\x1b[2J\x1b]0;t\a\u202e\u009b\r\xff\xf0\x9f\"\n}"
	want := "{\n        \"name\": \"ünïcode – 漢字 🦆\",\n        \"evil\": \"\\x1b[2J\\x1b]0;t\\x07\\xe2\\x80\\xae\\xc2\\x9b\\x0d\\xff\\xf0\\x9f\"\n}"
	shape, _ := attached(t, text("", content))
	p := newPlace(t)
	for _, from := range everywhere(t, shape) {
		if got := strings.ReplaceAll(p.onTerminal("references", "get", from.image), "\t", "        "); got != want {
			t.Errorf("%s: arrived %q, want %q", from.name, got, want)
		}
		if got := p.prints("references", "get", from.image); got != content {
			t.Errorf("%s: to a pipe: %q", from.name, got)
		}
	}
	// Content comes in pieces, and long lines are shown in pieces: neither cuts a character.
	for shift := range 3 {
		long := strings.Repeat("x", shift) + strings.Repeat("漢", 100_000) + "\n"
		shape, _ := attached(t, text("", long))
		if got := p.onTerminal("references", "get", inLayout(t, shape)); got != long {
			t.Errorf("shifted by %d: %d bytes arrived of %d", shift, len(got), len(long))
		}
	}
}

// TestStrangersTextIsHarmless: titles, types, descriptions and platforms move no cursor, in tables, trees, JSON and errors.
func TestStrangersTextIsHarmless(t *testing.T) {
	const evil = "\x1b[2J\u202e\u009b\nx"
	shape := shapes.ByName("multi-platform")
	entry := node.About(node.Artifact(t, shape, "application/x", text(evil, "one"), text("../"+evil, "two")), shape.Selected, evil)
	entry.Annotations["org.opencontainers.reference.description"] = evil
	shape = node.Attach(t, shape, entry)
	p := newPlace(t)
	for _, from := range everywhere(t, shape) {
		for _, arguments := range [][]string{
			{"inspect"}, {"inspect", "--raw"}, {"inspect", "--output", "json"}, {"references", "ls"}, {"references", "ls", "--no-trunc"},
			{"references", "tree"}, {"references", "tree", "--output", "json"},
		} {
			got := p.with("NO_COLOR=1").onTerminal(append(arguments, from.image)...)
			if strings.ContainsAny(got, "\x1b\u202e\u009b") {
				t.Errorf("%s %q: %q", from.name, arguments, got)
			}
		}
		got := p.run("references", "get", from.image)
		if got.code != 1 || strings.ContainsAny(got.err, "\x1b\u202e\u009b") || strings.Count(got.err, "\n") != 4 {
			t.Errorf("%s: exit code %d, %q", from.name, got.code, got.err)
		}
	}
}
