// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/console"

	"github.com/refract-oci/refract/tests/programs"
)

// answerLimit is how long a shell may take for what was typed.
const answerLimit = 30 * time.Second

// TestFishCompletes: fish itself tells what it would offer.
func TestFishCompletes(t *testing.T) {
	p := newPlace(t)
	script := p.prints("completion", "fish")
	for _, c := range []struct {
		line string
		want []string
	}{
		{"refract ins", []string{"inspect"}},
		{"refract references l", []string{"ls"}},
		{"refract references ls --output ", []string{"json", "text"}},
		{"refract completion f", []string{"fish"}},
		{"refract references get --man", []string{"--manifest"}},
	} {
		command := exec.CommandContext(t.Context(), "fish", "--no-config", "--command", script+"\ncomplete --do-complete '"+c.line+"'")
		command.Dir, command.Env = p.folder, p.environment
		got := p.end(command)
		var offered []string
		for line := range strings.Lines(got.out) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			offered = append(offered, word)
		}
		slices.Sort(offered)
		if got.code != 0 || got.err != "" || !slices.Equal(offered, c.want) {
			t.Errorf("%q: %q, want %q: exit code %d, %s", c.line, offered, c.want, got.code, got.err)
		}
	}
}

// TestZshCompletes: in a zsh on a terminal, where a person presses the tabulator key. What is then run is shown by a stand-in.
func TestZshCompletes(t *testing.T) {
	p := newPlace(t)
	path := p.folder + "/refract.zsh"
	if err := os.WriteFile(path, []byte(p.prints("completion", "zsh")), 0o600); err != nil {
		t.Fatal(err)
	}
	z := p.typing("zsh", "-f", "-i")
	z.types("autoload -Uz compinit && compinit -D -u && source ./refract.zsh && refract() { print -r -- \"ran <$*>\" } && print rea''dy\r")
	z.shows("ready\r\n")
	for typed, ran := range map[string]string{
		"refract ins\t\r": "ran <inspect>", "refract references l\t\r": "ran <references ls>",
		"refract references ls --output j\t\r": "ran <references ls --output json>", "refract completion f\t\r": "ran <completion fish>",
	} {
		z.types(typed)
		z.shows(ran)
	}
}

// typist is a program with a terminal, and someone at it.
type typist struct {
	t      *testing.T
	screen console.Console
	mu     sync.Mutex
	seen   strings.Builder
}

// typing starts a program on a terminal, and ends it with the test.
func (p *place) typing(name string, arguments ...string) *typist {
	p.t.Helper()
	screen, path, err := console.NewPty()
	if err != nil {
		p.t.Fatal(err)
	}
	terminal, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	command := exec.CommandContext(p.t.Context(), name, arguments...)
	command.Dir, command.Env = p.folder, p.environment
	command.Stdin, command.Stdout, command.Stderr = terminal, terminal, terminal
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := command.Start(); err != nil {
		p.t.Fatal(err)
	}
	terminal.Close()
	one := &typist{t: p.t, screen: screen}
	read := make(chan struct{})
	go func() {
		defer close(read)
		buffer := make([]byte, 4096)
		for {
			n, err := screen.Read(buffer)
			one.mu.Lock()
			one.seen.Write(buffer[:n])
			one.mu.Unlock()
			if err != nil {
				return // nobody writes to the terminal any more
			}
		}
	}()
	p.t.Cleanup(func() {
		_ = command.Process.Kill() // it may have ended by itself
		_ = command.Wait()         // killed
		<-read
		screen.Close()
	})
	return one
}

func (z *typist) types(keys string) {
	z.t.Helper()
	if _, err := z.screen.Write([]byte(keys)); err != nil {
		z.t.Fatal(err)
	}
}

// shows waits until the screen has shown that.
func (z *typist) shows(text string) {
	z.t.Helper()
	if err := programs.Poll(answerLimit, func() error {
		z.mu.Lock()
		defer z.mu.Unlock()
		if !strings.Contains(z.seen.String(), text) {
			return fmt.Errorf("the screen shows no %q: %q", text, z.seen.String())
		}
		return nil
	}); err != nil {
		z.t.Fatal(err)
	}
}
