// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/images"

	"github.com/refract-oci/refract/plugin/imagelabels"
	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

// everywhere is an image that was pulled without a look beside its index, from a repository with references of every source.
func everywhere(t *testing.T) (*place, string) {
	t.Helper()
	shape, _ := shapes.EverySource()
	p := newPlace(t, shape)
	p.registry.ServeReferrers(true)
	name := node.Name(p.registry, shape)
	p.Pull(p.ctx, t, name)
	p.forget()
	return p, name
}

// listed is what a listing in JSON tells of sources and notices.
type listed struct {
	Notices    []string `json:"notices"`
	References []struct {
		Sources []string `json:"sources"`
		Present string   `json:"present"`
	} `json:"references"`
}

func (p *place) listed(arguments ...string) listed {
	p.t.Helper()
	var read listed
	if err := json.Unmarshal([]byte(p.succeeds(append([]string{"ls", "--output", "json"}, arguments...)...)), &read); err != nil {
		p.t.Fatal(err)
	}
	if read.Notices == nil {
		p.t.Error("notices are null")
	}
	return read
}

func (l listed) from(source string) bool {
	return slices.ContainsFunc(l.References, func(one struct {
		Sources []string `json:"sources"`
		Present string   `json:"present"`
	}) bool {
		return slices.Contains(one.Sources, source)
	})
}

func TestDiscoverLooksIntoTheRepository(t *testing.T) {
	p, name := everywhere(t)
	outside := []string{"digest-tag", "referrers-api", "cosign-tag"}
	without, with := p.listed(name), p.listed("--discover", "--plain-http", name)
	if p.requests() == 0 {
		t.Error("the registry was not asked")
	}
	for _, source := range outside {
		if without.from(source) || !with.from(source) {
			t.Errorf("%s: %v without --discover, %v with it", source, without.from(source), with.from(source))
		}
		if tree := p.succeeds("tree", "--discover", "--plain-http", name); !strings.Contains(tree, source) {
			t.Errorf("the tree does not say %s:\n%s", source, tree)
		}
	}
	if len(with.Notices) > 0 {
		t.Errorf("notices %q", with.Notices)
	}
}

// What fetch found in the repository is listed without it from then on.
func TestFetchOfWhatIsDiscovered(t *testing.T) {
	p, name := everywhere(t)
	p.fails(3, []string{`nothing of type "scan" is attached in the index; with --discover the repository is searched too`}, "fetch", "--type", "scan", name)
	p.fails(3, []string{`nothing of type "nobody's" is attached in the index or in the repository`}, "fetch", "--discover", "--plain-http", "--type", "nobody's", name)
	p.succeeds("fetch", "--discover", "--plain-http", "--type", "scan", name)
	if err := p.registry.Close(); err != nil {
		t.Fatal(err)
	}
	p.Collect(p.ctx, t)
	if out := p.succeeds("ls", "--type", "scan", name); !strings.Contains(out, "yes") {
		t.Errorf("listed later:\n%s", out)
	}
}

// A registry that is not there ends no listing: what the node knows is listed, and that the rest is not known is said.
func TestDiscoverWithoutARegistry(t *testing.T) {
	p, name := everywhere(t)
	if err := p.registry.Close(); err != nil {
		t.Fatal(err)
	}
	offline := p.succeeds("ls", name)
	got := p.run("ls", "--discover", "--plain-http", name)
	if got.code != 0 || got.out != offline || !strings.Contains(got.err, "not all of the repository was searched") {
		t.Errorf("%+v", got)
	}
}

// What a pull did not look for is told by every listing after it.
func TestListingTellsWhatThePullDidNotLookFor(t *testing.T) {
	p, name := pulled(t, shapes.ByName("images-first"))
	image := p.Image(p.ctx, t, name)
	image.Labels = imagelabels.With(image.Labels, imagelabels.Kept{NotSearched: "sha256-1: no answer\x1b[1m in time"})
	if _, err := p.Images.Update(p.ctx, images.Image{Name: name, Target: image.Target, Labels: image.Labels}); err != nil {
		t.Fatal(err)
	}
	for _, called := range []string{"ls", "tree"} {
		got := p.run(called, name)
		if got.code != 0 || !strings.Contains(got.err, "this was not looked for when the image was pulled: sha256-1: no answer") {
			t.Errorf("%s: %+v", called, got)
		}
	}
	if notices := p.listed(name).Notices; len(notices) != 1 || !strings.Contains(notices[0], "no answer") {
		t.Errorf("notices %q", notices)
	}
	p.fails(3, []string{`nothing of type "none"`, "this was not looked for"}, "fetch", "--type", "none", name)
}

func TestReferencesOfAnImageAreItsTree(t *testing.T) {
	p, name := pulled(t, shapes.ByName("images-first"))
	if short, long := p.succeeds(name), p.succeeds("tree", name); short != long {
		t.Errorf("%s\nand\n%s", short, long)
	}
	p.fails(2, []string{"unknown command"}, "lst")
}
