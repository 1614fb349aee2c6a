// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/images"

	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

// watching runs `references watch` until the test ends, and returns what reads its lines.
func (p *place) watching(arguments ...string) func() string {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.ctx)
	from, to := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := p.root(to, io.Discard).Run(ctx, append([]string{"ctr-refract", "references", "watch"}, arguments...))
		ended <- err
		to.CloseWithError(io.EOF)
	}()
	p.t.Cleanup(func() {
		cancel()
		// A watch that its caller interrupts has done what it was to do.
		if err := <-ended; err != nil {
			p.t.Errorf("the watch ended with %v", err)
		}
	})
	lines := bufio.NewReader(from)
	return func() string {
		p.t.Helper()
		line, err := lines.ReadString('\n')
		if err != nil {
			p.t.Fatal(err)
		}
		harmless(p.t, line)
		return strings.TrimSuffix(line, "\n")
	}
}

// watched makes a place with one image, and shapes to pull.
func watched(t *testing.T, shape shapes.Shape) (p *place, plain images.Image) {
	t.Helper()
	single := shapes.ByName("single-manifest")
	p = newPlace(t, shape, single)
	p.ctx, p.Node = node.NewWatched(t)
	return p, p.Pull(p.ctx, t, node.Name(p.registry, single))
}

func TestWatchPrintsALineForEachImage(t *testing.T) {
	shape := shapes.ByName("images-first")
	p, plain := watched(t, shape)
	next := p.watching("--existing")
	wants := func(want string) {
		t.Helper()
		if got := next(); got != want {
			t.Errorf("printed %q, want %q", got, want)
		}
	}
	wants("existing " + plain.Name + " single manifest " + plain.Target.Digest.String())
	wants("begun")
	image := p.Pull(p.ctx, t, node.Name(p.registry, shape))
	wants("recorded " + image.Name + " index " + shape.Root.Digest.String() + ", 2 attached")
	if err := p.Images.Delete(p.ctx, image.Name); err != nil {
		t.Fatal(err)
	}
	wants("removed " + image.Name)
	p.Spoil(t, shape.Root.Digest, make([]byte, shape.Root.Size))
	image.Name = "127.0.0.1:1/\x1b[2J:latest"
	if _, err := p.Images.Create(p.ctx, image); err != nil {
		t.Fatal(err)
	}
	if got := next(); !strings.HasPrefix(got, `recorded 127.0.0.1:1/\x1b[2J:latest: `) || !strings.Contains(got, shape.Root.Digest.String()) {
		t.Errorf("printed %q", got)
	}
}

func TestWatchPrintsALineOfJSONForEachImage(t *testing.T) {
	shape := shapes.ByName("images-first")
	p, _ := watched(t, shape)
	next := p.watching("--output", "json")
	if got := next(); got != `{"event":"begun"}` {
		t.Errorf("printed %q", got)
	}
	image := p.Pull(p.ctx, t, node.Name(p.registry, shape))
	var event struct {
		Event, Image, Target, Index string
		References                  *int
	}
	if err := json.Unmarshal([]byte(next()), &event); err != nil || event.Event != "recorded" || event.Image != image.Name ||
		event.Target != image.Target.Digest.String() || event.Index != shape.Root.Digest.String() || event.References == nil || *event.References != 2 {
		t.Errorf("printed %+v, %v", event, err)
	}
	if err := p.Images.Delete(p.ctx, image.Name); err != nil {
		t.Fatal(err)
	}
	if got := next(); got != `{"event":"removed","image":"`+image.Name+`"}` {
		t.Errorf("printed %q", got)
	}
}
