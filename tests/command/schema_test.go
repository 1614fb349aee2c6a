// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

// described is native/cli/output.schema.json and native/cli/output.md.
func described(t *testing.T) (schema map[string]any, document string) {
	t.Helper()
	folder := filepath.Join("..", "..", "native", "cli")
	content, err := os.ReadFile(filepath.Join(folder, "output.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, "output.md"))
	if err != nil {
		t.Fatal(err)
	}
	return decoded.(map[string]any), string(text)
}

// closed lets nothing pass that the schema does not name. Users' schema is open, because fields may be added.
func closed(schema any) any {
	switch of := schema.(type) {
	case map[string]any:
		for key, value := range of {
			of[key] = closed(value)
		}
		if of["type"] == "object" && of["properties"] != nil {
			of["unevaluatedProperties"] = false
		}
	case []any:
		for i := range of {
			of[i] = closed(of[i])
		}
	}
	return schema
}

func compile(t *testing.T, command string) *jsonschema.Schema {
	t.Helper()
	schema, _ := described(t)
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("output.json", closed(schema)); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("output.json#/$defs/" + command)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// TestOutputIsAsDocumented: every field of every command, over images with all that can be attached.
func TestOutputIsAsDocumented(t *testing.T) {
	every, _ := shapes.EverySource()
	names := []string{
		"images-first", "single-manifest", "weak-references", "malformed-reference-digest", "cycle-of-two-artifacts", "plain-blobs-as-entries",
		"three-levels", "missing-marked-artifact", "image-listed-twice", "references-to-references", "list-missing-nested", "nested-missing",
		"fetch-of-second-type",
	}
	all := []shapes.Shape{every}
	for _, shape := range slices.Concat(shapes.EndToEnd(), shapes.Documents()) {
		if slices.Contains(names, shape.Name) {
			all = append(all, shape)
		}
	}
	p := newPlace(t)
	check := func(schema *jsonschema.Schema, arguments ...string) {
		got := p.run(append(arguments, "--output", "json")...)
		// That lint found errors is no failure of lint, nor of a prediction that a client fails.
		if got.code != 0 && arguments[0] != "lint" && !slices.Contains(arguments, "--as") {
			t.Errorf("%q: exit code %d, %s", arguments, got.code, got.err)
			return
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(got.out))
		if err == nil {
			err = schema.Validate(value)
		}
		if err != nil {
			t.Errorf("%q: %s\n%s", arguments, err, got.out)
		}
	}
	inspect, selected, listing, tree := compile(t, "inspect"), compile(t, "select"), compile(t, "listing"), compile(t, "tree")
	for number, shape := range all {
		image := inLayout(t, shape)
		flags := [][]string{
			nil, {"--check"}, {"--direct"}, {"--scan-tags"}, {"--no-trunc"}, {"--type", "sbom"}, {"--artifact-type", "application/spdx+json"}, {"--annotation", "a=b"},
			{"--source", "index,annotation"}, {"--source", "referrers-api"}, {"--deadline", "30"}, {"--check", "--direct", "--scan-tags", "--no-trunc", "--debug"},
		}
		if number > 0 {
			flags = flags[:2] // the first has everything that flags could change
		}
		for _, options := range flags {
			check(inspect, append([]string{"inspect", image}, options...)...)
			check(listing, append([]string{"references", "ls", image}, options...)...)
			check(tree, append([]string{"references", "tree", image}, options...)...)
			check(tree, append([]string{"references", image}, options...)...)
		}
		if len(shape.Expect.Selections) == 0 || shape.Expect.Status != "ok" {
			continue
		}
		platform := []string{"--platform", platformOf(shape), image}
		check(inspect, append([]string{"inspect"}, platform...)...)
		check(listing, append([]string{"references", "ls"}, platform...)...)
		check(tree, append([]string{"references", "tree"}, platform...)...)
		for _, explain := range [][]string{nil, {"--explain"}} {
			call := slices.Concat([]string{"select"}, explain, platform)
			if shape.Name != "single-manifest" {
				check(selected, call...)
			}
			for _, clients := range []string{"containerd", "crane", "regctl", "skopeo", "skopeo,crane,containerd,regctl"} {
				check(selected, append(call, "--as", clients)...)
			}
			check(selected, slices.Concat([]string{"select", "--platform", "plan9/wasm", "--as", "containerd,crane,regctl,skopeo"}, explain, []string{image})...)
		}
	}
	lint := compile(t, "lint")
	for _, shape := range all {
		check(lint, "lint", inLayout(t, shape))
		check(lint, "lint", "--strict", "--no-trunc", inLayout(t, shape))
	}
	for _, from := range everywhere(t, every) {
		if !strings.HasPrefix(from.image, "oci:") {
			check(lint, "lint", "--registry", from.image)
		}
	}
	check(compile(t, "version"), "version")
}

// TestEveryFieldIsDocumented: a schema is for programs, people read output.md.
func TestEveryFieldIsDocumented(t *testing.T) {
	schema, document := described(t)
	var look func(any)
	seen := map[string]bool{}
	look = func(of any) {
		switch of := of.(type) {
		case map[string]any:
			properties, _ := of["properties"].(map[string]any)
			for name := range properties {
				seen[name] = true
			}
			for _, value := range of {
				look(value)
			}
		case []any:
			for _, value := range of {
				look(value)
			}
		}
	}
	look(schema)
	if len(seen) < 30 {
		t.Errorf("only %d fields", len(seen))
	}
	for name := range seen {
		if !strings.Contains(document, "`"+name+"`") {
			t.Errorf("output.md does not tell of %q", name)
		}
	}
}

// TestJSONIsForPrograms: jq reads all of it, a registry's as a layout's, and finds there what it looks for.
func TestJSONIsForPrograms(t *testing.T) {
	shape, references := shapes.EverySource()
	p := newPlace(t)
	for _, from := range everywhere(t, shape) {
		for _, c := range []struct{ call, filter, want string }{
			{"inspect", ".root.digest", shape.Root.Digest.String()},
			{"inspect", "[.entries[] | select(.role == \"image\")][0].digest", shape.Selected.String()},
			{"inspect", "[.references[] | select(.type == \"scan\")] | length", "1"},
			{"select --explain --platform " + platformOf(shape), ".selected.digest", shape.Selected.String()},
			{"select --explain --platform " + platformOf(shape), "[.passedOver[].reason | select(length > 0)] | length > 0", "true"},
			{"references ls", ".references | length", strconv.Itoa(len(references))},
			{"references ls", ".schemaVersion", "1"},
			{"references tree", ". as $all | [.tree[] | select(.kind == \"reference\") | .digest == $all.references[.reference].digest] | all", "true"},
			{"references tree", ".tree[0].depth", "0"},
		} {
			got := p.end(p.shell("set -o pipefail; refract "+c.call+` --output json "$1" | jq -er "$2"`, from.image, c.filter))
			if got.code != 0 || got.err != "" || got.out != c.want+"\n" {
				t.Errorf("%s: %s | jq '%s': exit code %d, %q, %q, want %q", from.name, c.call, c.filter, got.code, got.out, got.err, c.want)
			}
		}
	}
	if got := p.end(p.shell("refract version --output json | jq -er '.version'")); got.code != 0 || "refract "+got.out != p.prints("--version") {
		t.Errorf("version: %+v", got)
	}
}

// TestInspectSaysWhatAManifestHolds: image or artifact, with what it is about.
func TestInspectSaysWhatAManifestHolds(t *testing.T) {
	shape, references := shapes.EverySource()
	p := newPlace(t)
	var referrer shapes.Reference
	for _, one := range references {
		if one.Type == "application/vnd.example.provenance+json" {
			referrer = one
		}
	}
	server := node.Serve(t, shape)
	image := server.Host() + "/" + shape.Name + "@" + referrer.Digest.String()
	var got struct {
		Manifest struct {
			ArtifactType, Subject string
			Layers                []struct{ MediaType, Digest string }
		}
	}
	if err := json.Unmarshal([]byte(p.prints("inspect", "--output", "json", image)), &got); err != nil {
		t.Fatal(err)
	}
	if got.Manifest.ArtifactType != referrer.Type || got.Manifest.Subject != shape.Selected.String() || len(got.Manifest.Layers) != 1 {
		t.Errorf("%+v, want %+v", got, referrer)
	}
	text := p.prints("inspect", image)
	for _, want := range []string{referrer.Digest.String(), referrer.Type, shape.Selected.String()} {
		if !strings.Contains(text, want) {
			t.Errorf("inspect prints no %s:\n%s", want, text)
		}
	}
}
