// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/plugin/cmd/ctr-refract/command"
	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// everything is the content of all artifacts of a shape.
func everything(t *testing.T, shape shapes.Shape) []digest.Digest {
	t.Helper()
	var all []digest.Digest
	for _, d := range shape.References {
		all = append(all, contentOf(t, shape, d)...)
	}
	return all
}

func (p *place) leases() int {
	p.t.Helper()
	all, err := p.Leases.List(p.ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	return len(all)
}

func TestFetchedStaysAsLongAsTheImageAndNothingAfterIt(t *testing.T) {
	for _, of := range []string{"images-first", "references-to-references", "cycle-of-two-artifacts", "three-levels", "weak-references", "buildkit-attestations", "soci-v2"} {
		t.Run(of, func(t *testing.T) {
			shape := shapes.ByName(of)
			p, name := pulled(t, shape)
			p.succeeds("fetch", name)
			if p.leases() != 0 {
				t.Error("a lease was left behind")
			}
			p.Collect(p.ctx, t)
			all := append(everything(t, shape), shape.Root.Digest, shape.Selected)
			for _, d := range all {
				if !p.Has(p.ctx, d) {
					t.Errorf("%s was collected while the image lives", d)
				}
			}
			// A pull of the same again, and a fetch of less, take nothing away.
			p.Pull(p.ctx, t, name)
			p.succeeds("fetch", name, shape.References[0].String())
			p.Collect(p.ctx, t)
			for _, d := range all {
				if !p.Has(p.ctx, d) {
					t.Errorf("%s was collected after the next pull", d)
				}
			}
			if err := p.Images.Delete(p.ctx, name); err != nil {
				t.Fatal(err)
			}
			p.Collect(p.ctx, t)
			for _, d := range all {
				if p.Has(p.ctx, d) {
					t.Errorf("%s stayed after the image", d)
				}
			}
			p.fails(3, []string{"there is no image"}, "ls", name)
		})
	}
}

// Two images share an artifact: it goes with the last of those that fetched it.
func TestFetchedForTwoImagesGoesWithTheLast(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	other := shape
	other.Name = "other-repository"
	p := newPlace(t, shape, other)
	first, second := node.Name(p.registry, shape), node.Name(p.registry, other)
	for _, name := range []string{first, second} {
		p.Pull(p.ctx, t, name)
		p.succeeds("fetch", name)
	}
	for _, step := range []struct {
		remove string
		stays  bool
	}{{first, true}, {second, false}} {
		if err := p.Images.Delete(p.ctx, step.remove); err != nil {
			t.Fatal(err)
		}
		p.Collect(p.ctx, t)
		for _, d := range everything(t, shape) {
			if p.Has(p.ctx, d) != step.stays {
				t.Errorf("after %s is gone, %s is here: %v", step.remove, d, !step.stays)
			}
		}
	}
}

// What failed leaves no lease, no beginning of a download, and nothing that would keep content.
func TestFailedAndInterruptedFetchesLeaveNothingBehind(t *testing.T) {
	shape := shapes.ByName("images-first")
	layer := contentOf(t, shape, shape.References[0])[2]
	cut := registry.OnGet(layer, registry.Cut(shape.Blobs[layer], 10))
	t.Run("cut off", func(t *testing.T) {
		p, name := pulled(t, shape)
		p.fault(cut)
		p.fails(1, []string{"1 of 2"}, "fetch", name)
		nothingStays(t, p, name, shape.References[0], layer)
	})
	t.Run("interrupted", func(t *testing.T) {
		p, name := pulled(t, shape)
		ctx, interrupt := context.WithCancel(p.ctx)
		p.fault(registry.OnGet(layer, func(_ http.ResponseWriter, r *http.Request, _ registry.Target) bool {
			interrupt()
			<-r.Context().Done()
			return true
		}))
		err := p.root(io.Discard, io.Discard).Run(ctx, []string{"ctr-refract", "references", "fetch", name})
		if !errors.Is(err, context.Canceled) || command.ExitCode(err) != 1 {
			t.Errorf("error %v", err)
		}
		nothingStays(t, p, name, shape.References[0], layer)
	})
}

func nothingStays(t *testing.T, p *place, name string, of ...digest.Digest) {
	t.Helper()
	if p.leases() != 0 {
		t.Error("a lease was left behind")
	}
	p.Collect(p.ctx, t)
	for _, d := range of {
		if p.Has(p.ctx, d) {
			t.Errorf("%s stayed", d)
		}
	}
	if statuses, err := p.Content.ListStatuses(p.ctx, ""); err != nil || len(statuses) != 0 {
		t.Errorf("ingests stayed: %v, %v", statuses, err)
	}
	// And the next try gets all of it.
	p.fault(nil)
	p.succeeds("fetch", name)
	for _, d := range of {
		if !p.Has(p.ctx, d) {
			t.Errorf("%s is not here after the next try", d)
		}
	}
}
