// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/refract-oci/refract/tests/programs"
)

// guard ends a command that would never end. No test comes near it.
const guard = 2 * time.Minute

// MiB, and what a command may take at most, whatever a server sends: the program itself, a document and its parsed form.
const (
	MiB        = 1 << 20
	mostMemory = 64 * MiB
	// Of many documents, which are kept until the listing is done, the client holds 64 MiB besides.
	mostOfMany = 160 * MiB
)

// command is one run of refract.
type command struct {
	arguments   []string
	environment []string
	input       string
}

// ended is how it went.
type ended struct {
	stdout, stderr string
	code           int
	memory         int64 // at most, in bytes
}

func (c command) run(t *testing.T) ended {
	t.Helper()
	refract, err := programs.Find("bin", "refract")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), guard)
	defer cancel()
	var stdout, stderr bytes.Buffer
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(t.TempDir(), "memory")
	process := exec.CommandContext(ctx, self, append([]string{refract}, c.arguments...)...)
	process.Env = append([]string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), measured + "=" + report}, c.environment...)
	process.Stdin, process.Stdout, process.Stderr = strings.NewReader(c.input), &stdout, &stderr
	err = process.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("refract %q did not end within %s; it said %q", c.arguments, guard, &stderr)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	memory, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return ended{stdout.String(), stderr.String(), process.ProcessState.ExitCode(), memory}
}

// succeeds: it ends well, and within its memory.
func (e ended) succeeds(t *testing.T) {
	t.Helper()
	if e.code != 0 {
		t.Errorf("want success, it exits with %d and says %q", e.code, e.stderr)
	}
	e.isModest(t)
}

// fails: it ends with that exit code and one clear line that has these words, and within its memory.
func (e ended) fails(t *testing.T, code int, words ...string) {
	t.Helper()
	if e.code != code {
		t.Errorf("want exit code %d, it is %d; it says %q and prints %.200q", code, e.code, e.stderr, e.stdout)
	}
	line, rest, _ := strings.Cut(e.stderr, "\n")
	if !strings.HasPrefix(line, "refract: ") || rest != "" || len(line) > 2000 {
		t.Errorf("want one line that tells what is wrong, it says %q", e.stderr)
	}
	for _, word := range words {
		if !strings.Contains(line, word) {
			t.Errorf("want %q in %q", word, line)
		}
	}
	e.isSafe(t)
	e.isModest(t)
}

// warns: it does what it was asked for, and tells in one line what it could not look for.
func (e ended) warns(t *testing.T, words ...string) {
	t.Helper()
	e.fails(t, 0, words...)
}

// failsLate: as fails, but bytes of a blob that turned out to be wrong had been printed by then.
func (e ended) failsLate(t *testing.T, code int, words ...string) {
	t.Helper()
	e.stdout = ""
	e.fails(t, code, words...)
}

// isSafe: a terminal can show all of it.
func (e ended) isSafe(t *testing.T) {
	t.Helper()
	unsafe := func(r rune) bool { return r != '\n' && (!unicode.IsPrint(r) || r == unicode.ReplacementChar) }
	for _, text := range []string{e.stdout, e.stderr} {
		if strings.ContainsFunc(text, unsafe) {
			t.Errorf("this is not safe to show: %q", text)
		}
	}
}

func (e ended) isModest(t *testing.T) {
	t.Helper()
	if e.memory > mostMemory {
		t.Errorf("it took %d MiB of memory, more than %d", e.memory/MiB, mostMemory/MiB)
	}
}

// tellsNone of the secrets.
func (e ended) tellsNone(t *testing.T, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(e.stdout+e.stderr, secret) {
			t.Errorf("%q is told in %q", secret, e.stdout+e.stderr)
		}
	}
}

// write makes a file below a folder.
func write(t *testing.T, content string, path ...string) {
	t.Helper()
	file := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
