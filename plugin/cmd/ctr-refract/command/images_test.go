// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

const usesHeading = "IMAGE ROLE DIGEST TYPE SUBJECT PATH"

func TestImagesThatADigestBelongsTo(t *testing.T) {
	shape := shapes.ByName("images-first")
	p, name := pulled(t, shape)
	root, selected := short(shape.Root.Digest), short(shape.Selected)
	for asked, want := range map[digest.Digest][]string{
		shape.Root.Digest:             {sprint(name, "index", root, "- - -")},
		shape.Selected:                {sprint(name, "target", selected, "- - -"), sprint(name, "image", selected, "- -", root)},
		shape.References[0]:           {sprint(name, "reference", short(shape.References[0]), "sbom", selected, root)},
		shape.Configs[shape.Selected]: {sprint(name, "blob", short(shape.Configs[shape.Selected]), "- -", root, ">", selected)},
	} {
		// The whole digest, and what other tables show of it.
		for _, given := range []string{asked.String(), short(asked), asked.Encoded()[:12]} {
			sameLines(t, rows(p.succeeds("images", given)), append([]string{usesHeading}, want...))
		}
	}
	if out := p.succeeds("images", "--no-trunc", short(shape.References[0])); !strings.Contains(out, shape.References[0].String()) {
		t.Errorf("printed %s", out)
	}
	if asked := p.requests(); asked != 0 {
		t.Errorf("the registry was asked %d times", asked)
	}
}

// printedUses is the documented form.
type printedUses struct {
	SchemaVersion int    `json:"schemaVersion"`
	Digest        string `json:"digest"`
	Uses          []struct {
		Image, Role, Type string
		Digest, Subject   digest.Digest
		Path              []digest.Digest
	} `json:"uses"`
	Failures []struct{ Image, Error string } `json:"failures"`
}

func TestImagesAsJSON(t *testing.T) {
	shape := shapes.ByName("images-first")
	p, name := pulled(t, shape)
	asked := shape.References[0]
	var printed printedUses
	if err := json.Unmarshal([]byte(p.succeeds("images", "--output", "json", asked.String())), &printed); err != nil {
		t.Fatal(err)
	}
	if printed.SchemaVersion != 1 || printed.Digest != asked.String() || len(printed.Uses) != 1 || printed.Failures == nil || len(printed.Failures) != 0 {
		t.Fatalf("printed %+v", printed)
	}
	use := printed.Uses[0]
	if use.Image != name || use.Role != "reference" || use.Type != "sbom" || use.Digest != asked || use.Subject != shape.Selected ||
		len(use.Path) != 1 || use.Path[0] != shape.Root.Digest {
		t.Errorf("use %+v", use)
	}
}

func TestImagesOfWhatBelongsToNoneIsExitCodeThree(t *testing.T) {
	broken, good := shapes.ByName("images-first"), shapes.ByName("three-levels")
	p := newPlace(t, broken, good)
	name := node.Name(p.registry, broken)
	p.Pull(p.ctx, t, name)
	absent := digest.FromString("absent").String()
	p.fails(3, []string{`"` + absent + `" belongs to no image here`}, "images", absent)
	p.Pull(p.ctx, t, node.Name(p.registry, good))
	p.Spoil(t, broken.Root.Digest, make([]byte, broken.Root.Size))
	p.fails(3, []string{absent, name, broken.Root.Digest.String(), "could not be looked into", "1 could not"}, "images", absent)
	got := p.fails(3, []string{absent, "1 could not"}, "images", "--output", "json", absent)
	var printed printedUses
	if err := json.Unmarshal([]byte(got.out), &printed); err != nil || printed.Uses == nil || len(printed.Uses) != 0 || len(printed.Failures) != 1 || printed.Failures[0].Image != name {
		t.Errorf("printed %+v, %v", printed, err)
	}
	// What is found is found, and the rest is told.
	if got := p.run("images", good.Root.Digest.String()); got.code != 0 || strings.Count(got.err, "\n") != 1 || !strings.Contains(got.err, name) {
		t.Errorf("%+v", got)
	}
	p.fails(3, []string{`"\x1b[2J" belongs to no image`}, "images", "\x1b[2J")
}
