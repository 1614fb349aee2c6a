// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/cmd/ctr/app"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v3"

	"github.com/refract-oci/refract/plugin/cmd/ctr-refract/command"
	"github.com/refract-oci/refract/tests/shapes"
)

// A command that is called wrongly says so in a line that names its help, before it connects to anything.
func TestWrongUsageIsExitCodeTwo(t *testing.T) {
	p := newPlace(t)
	cases := [][]string{
		{"bogus"}, {"--bogus"}, {"bogus\x1b[2J"},
		{"ls"}, {"ls", ""}, {"ls", "image", "more"}, {"ls", "--bogus", "image"}, {"ls", "--output", "yaml", "image"}, {"ls", "--output", "", "image"},
		{"ls", "--type", "", "image"}, {"ls", "--no-trunc=perhaps", "image"},
		{"tree"}, {"tree", "image", "more"}, {"tree", "--output", "JSON", "image"}, {"tree", "--type", "sbom", "image"},
		{"get"}, {"get", "image", ""}, {"get", "image", "digest", "more"}, {"get", "--type", "", "image"}, {"get", "-o", "", "image"},
		{"get", "--layer", "", "image"}, {"get", "--manifest", "--layer", "0", "image"}, {"get", "--bogus", "image"}, {"get", "--layer"},
		{"fetch"}, {"fetch", "image", ""}, {"fetch", "image", "digest", "more"}, {"fetch", "--max-bytes", "-1", "image"},
		{"fetch", "--max-bytes", "much", "image"}, {"fetch", "--type", "", "image"}, {"fetch", "--bogus\n\x1b[2J", "image"},
		{"images"}, {"images", ""}, {"images", "digest", "more"}, {"images", "--output", "yaml", "digest"}, {"images", "--type", "sbom", "digest"},
		{"watch", "image"}, {"watch", "--output", "yaml"}, {"watch", "--bogus"},
	}
	for _, arguments := range cases {
		got := p.fails(2, []string{"(see ctr-refract references", "--help)\n"}, arguments...)
		if got.out != "" || strings.Count(got.err, "\n") != 1 {
			t.Errorf("%q: %+v", arguments, got)
		}
	}
}

func TestWhatIsNotThereIsExitCodeThree(t *testing.T) {
	shape := shapes.ByName("images-first")
	single := shapes.ByName("single-manifest")
	p, name := pulled(t, shape)
	other, bare := pulled(t, single)
	absent := digest.FromString("absent").String()
	for _, called := range []string{"ls", "tree", "get", "fetch"} {
		p.fails(3, []string{"there is no image", `"127.0.0.1:1/absent:latest"`, "images ls"}, called, "127.0.0.1:1/absent:latest")
		p.fails(3, []string{"there is no image", `"\x1b[2J"`}, called, "\x1b[2J")
	}
	for _, called := range []string{"get", "fetch"} {
		p.fails(3, []string{name, `no "` + absent + `"`}, called, name, absent)
		p.fails(3, []string{name, `no "ffffff"`}, called, name, "ffffff")
		p.fails(3, []string{name, `nothing of type "SBOM"`}, called, "--type", "SBOM", name)
		p.fails(3, []string{name, `no "ffffff" of type "sbom"`}, called, "--type", "sbom", name, "ffffff")
		other.fails(3, []string{bare, "this node knows of no index that it is from"}, called, bare)
	}
	if p.requests()+other.requests() != 0 {
		t.Error("a registry was asked")
	}
	p.Drop(p.ctx, t, shape.Root.Digest)
	for _, called := range []string{"ls", "tree", "get", "fetch"} {
		p.fails(3, []string{name, shape.Root.Digest.String(), "pull the image again"}, called, name)
	}
}

func TestNothingAttachedSaysWhatIsNotKnown(t *testing.T) {
	p, name := pulled(t, shapes.ByName("match-first-then-nested"))
	p.fails(3, []string{"nothing is attached in the index; with --discover the repository is searched too", "1 nested index is not in the content store"}, "fetch", name)
	plain, name := pulled(t, shapes.ByName("multi-platform"))
	if got := plain.fails(3, []string{"nothing is attached in the index; with references fetch --discover the repository is searched too"}, "get", name); strings.Contains(got.err, "nested") {
		t.Errorf("%+v", got)
	}
}

func TestFailureIsExitCodeOne(t *testing.T) {
	shape := shapes.ByName("images-first")
	p, name := pulled(t, shape)
	p.Spoil(t, shape.Root.Digest, bytes.Repeat([]byte("x"), int(shape.Root.Size)))
	for _, called := range []string{"ls", "tree", "get", "fetch"} {
		p.fails(1, []string{name, shape.Root.Digest.String()}, called, name)
	}
	refused := errors.New("connection refused")
	nowhere := func(context.Context, *cli.Command) (*command.Node, context.Context, context.CancelFunc, error) {
		return nil, nil, nil, refused
	}
	for _, called := range []string{"ls", "tree", "get", "fetch", "images"} {
		root := app.New()
		root.Writer, root.ErrWriter = io.Discard, io.Discard
		root.Commands = append(root.Commands, command.References(nowhere))
		if err := root.Run(t.Context(), []string{"ctr", "references", called, "image"}); !errors.Is(err, refused) || command.ExitCode(err) != 1 {
			t.Errorf("%s: %v", called, err)
		}
	}
}

// What is not refract's own keeps ctr's exit code, also where containerd did not find something.
func TestExitCodeOfErrorsOfOthers(t *testing.T) {
	for code, err := range map[int]error{0: nil, 1: fmt.Errorf("image: %w", errdefs.ErrNotFound)} {
		if got := command.ExitCode(err); got != code {
			t.Errorf("%v: exit code %d", err, got)
		}
	}
}

func TestHelpIsNoError(t *testing.T) {
	p := newPlace(t)
	for _, arguments := range [][]string{nil, {"--help"}, {"ls", "--help"}, {"tree", "-h"}, {"get", "--help"}, {"fetch", "--help"},
		{"images", "--help"}, {"watch", "--help"}} {
		if out := p.succeeds(arguments...); !strings.Contains(out, "USAGE:") {
			t.Errorf("%q printed %q", arguments, out)
		}
	}
	if out := p.succeeds(); !strings.Contains(out, "Exit codes: 0 success, 1 failure, 2 wrong usage, 3 not found.") {
		t.Errorf("printed %q", out)
	}
}

func TestReferencesHasShorterNames(t *testing.T) {
	shape := shapes.ByName("images-first")
	p, name := pulled(t, shape)
	want := p.succeeds("ls", name)
	for _, called := range []string{"reference", "refs"} {
		if got := p.program("ctr-refract", called, "ls", name); got.code != 0 || got.out != want {
			t.Errorf("%s: %+v", called, got)
		}
	}
}

// ctr's commands are variables of its packages. What was extended is a copy, so that ctr itself stays as it is.
func TestExtendAddsReferencesAndReplacesPullInACopy(t *testing.T) {
	find := func(commands []*cli.Command, name string) *cli.Command {
		for _, one := range commands {
			if one.Name == name {
				return one
			}
		}
		return nil
	}
	stock, extended := app.New(), app.New()
	if err := command.Extend(extended); err != nil {
		t.Fatal(err)
	}
	if find(extended.Commands, "references") == nil || find(stock.Commands, "references") != nil {
		t.Error("references is to be in one and not in the other")
	}
	before, after := find(stock.Commands, "images"), find(extended.Commands, "images")
	if before == after || find(before.Commands, "pull") == find(after.Commands, "pull") {
		t.Error("ctr's own command was changed")
	}
	if len(before.Commands) != len(after.Commands) || find(before.Commands, "tag") != find(after.Commands, "tag") {
		t.Error("other commands of images are not ctr's")
	}
	for _, bare := range []*cli.Command{{}, {Commands: []*cli.Command{{Name: "images"}}}} {
		if err := command.Extend(bare); err == nil {
			t.Error("a ctr without images pull was extended")
		}
	}
}
