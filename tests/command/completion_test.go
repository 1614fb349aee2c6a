// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// completed is what bash offers for the last word.
func (p *place) completed(words ...string) []string {
	p.t.Helper()
	script := `source <(refract completion bash) && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) && { _refract; printf '%s\n' "${COMPREPLY[@]}"; }`
	got := p.end(p.shell(script, words...))
	if got.code != 0 || got.err != "" {
		p.t.Fatalf("%q: %+v", words, got)
	}
	return strings.Fields(got.out)
}

// TestBashCompletes: the words of the command that is being typed, values where they are known, else files.
func TestBashCompletes(t *testing.T) {
	p := newPlace(t)
	if err := os.MkdirAll(filepath.Join(p.folder, "layout"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		words, want []string
	}{
		{[]string{"refract", "ins"}, []string{"inspect"}},
		{[]string{"refract", "references", "l"}, []string{"ls"}},
		{[]string{"refract", "refs", "t"}, []string{"tree"}},
		{[]string{"refract", "references", "list", "--no-t"}, []string{"--no-trunc"}},
		{[]string{"refract", "--debug", "references", "g"}, []string{"get"}},
		{[]string{"refract", "references", "get", "--man"}, []string{"--manifest"}},
		{[]string{"refract", "references", "ls", "--man"}, nil},
		{[]string{"refract", "references", "ls", "image", "--outp"}, []string{"--output"}},
		{[]string{"refract", "references", "ls", "--output", ""}, []string{"text", "json"}},
		{[]string{"refract", "references", "ls", "--output", "=", "j"}, []string{"json"}},
		{[]string{"refract", "references", "ls", "--source", "referrers-"}, []string{"referrers-api", "referrers-tag"}},
		{[]string{"refract", "completion", "f"}, []string{"fish"}},
		{[]string{"refract", "references", "get", "-o", "lay"}, []string{"layout"}},
		{[]string{"refract", "--ca-file", "lay"}, []string{"layout"}},
		{[]string{"refract", "inspect", "oci", ":", "lay"}, []string{"layout"}},
	} {
		if got := p.completed(c.words...); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.words, got, c.want)
		}
	}
	offered := p.completed("refract", "references", "")
	for _, word := range []string{"ls", "tree", "get"} {
		if !slices.Contains(offered, word) {
			t.Errorf("references: %q is not offered: %q", word, offered)
		}
	}
	if slices.Contains(offered, "inspect") {
		t.Errorf("references: %q", offered)
	}
}

// TestCompletionKnowsEveryOption: each that the help names, of every command, for every shell.
func TestCompletionKnowsEveryOption(t *testing.T) {
	p := newPlace(t)
	fish := p.prints("completion", "fish")
	for _, command := range []string{"", "inspect", "select", "references", "references ls", "references tree", "references get", "lint", "completion", "version"} {
		path := strings.Fields(command)
		for line := range strings.Lines(p.prints(append(path, "--help")...)) {
			option, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			_, option, both := strings.Cut(option, ",")
			if !both {
				option, _, _ = strings.Cut(strings.TrimSpace(line), " ")
			}
			if !strings.HasPrefix(option, "-") {
				continue
			}
			if got := p.completed(append(append([]string{"refract"}, path...), option)...); !slices.Contains(got, option) {
				t.Errorf("%q: bash does not offer %s: %q", command, option, got)
			}
			long := " -l " + strings.TrimPrefix(option, "--") + " "
			if !strings.HasPrefix(option, "--") {
				long = " -s " + option[1:] + " "
			}
			if !strings.Contains(fish, long) {
				t.Errorf("%q: fish does not offer %s", command, option)
			}
		}
	}
	for _, line := range []string{
		"complete -c refract -n '__fish_use_subcommand' -f -a references -d 'Show and get what is attached to an image'\n",
		"complete -c refract -n '__fish_seen_subcommand_from references; and not __fish_seen_subcommand_from ls tree get' -f -a ls -d ",
		"complete -c refract -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n",
		"complete -c refract -n '__fish_seen_subcommand_from references; and __fish_seen_subcommand_from get' -s o -r -F -d ",
		" -l output -x -a 'json text' -d ",
	} {
		if !strings.Contains(strings.ReplaceAll(fish, "'text json'", "'json text'"), line) {
			t.Errorf("the script for fish lacks %q", line)
		}
	}
	zsh := p.prints("completion", "zsh")
	if !strings.HasPrefix(zsh, "autoload -U +X bashcompinit && bashcompinit\n") || !strings.HasSuffix(zsh, p.prints("completion", "bash")) {
		t.Errorf("the script for zsh: %s", zsh)
	}
}
