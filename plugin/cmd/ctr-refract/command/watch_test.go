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

func TestWatchPrintsALineForEachImage(t *testing.T) {
	shape, single := shapes.ByName("images-first"), shapes.ByName("single-manifest")
	p := newPlace(t, shape, single)
	p.ctx, p.Node = node.NewWatched(t)
	plain := p.Pull(p.ctx, t, node.Name(p.registry, single))
	text, inJSON := p.watching("--existing"), p.watching("--output", "json")
	if got, want := text(), "existing "+plain.Name+" single manifest "+plain.Target.Digest.String(); got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	if got := text(); got != "begun" {
		t.Errorf("printed %q", got)
	}
	if got := inJSON(); got != `{"event":"begun"}` {
		t.Errorf("printed %q", got)
	}
	image := p.Pull(p.ctx, t, node.Name(p.registry, shape))
	if got, want := text(), "recorded "+image.Name+" index "+shape.Root.Digest.String()+", 2 attached"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	var event struct {
		Event, Image, Target, Index string
		References                  *int
	}
	if err := json.Unmarshal([]byte(inJSON()), &event); err != nil || event.Event != "recorded" || event.Image != image.Name ||
		event.Target != image.Target.Digest.String() || event.Index != shape.Root.Digest.String() || event.References == nil || *event.References != 2 {
		t.Errorf("printed %+v, %v", event, err)
	}
	if err := p.Images.Delete(p.ctx, image.Name); err != nil {
		t.Fatal(err)
	}
	if got := text(); got != "removed "+image.Name {
		t.Errorf("printed %q", got)
	}
	if got := inJSON(); got != `{"event":"removed","image":"`+image.Name+`"}` {
		t.Errorf("printed %q", got)
	}
}
