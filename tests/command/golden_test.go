// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

var update = flag.Bool("update", false, "write testdata's outputs anew")

// TestExamples: each prints the same from a registry and from a layout.
func TestExamples(t *testing.T) {
	folders, err := filepath.Glob("testdata/*/command")
	if err != nil || len(folders) < 10 {
		t.Fatalf("%d examples: %v", len(folders), err)
	}
	for _, path := range folders {
		folder := filepath.Dir(path)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name, typed, found := strings.Cut(strings.TrimSpace(string(content)), ": ")
			if !found {
				t.Fatalf("%s is %q, want \"SHAPE: WORDS\"", path, content)
			}
			shape := example(t, name)
			for _, from := range everywhere(t, shape) {
				arguments := strings.Fields(typed)
				for i, word := range arguments {
					switch word {
					case "IMAGE":
						arguments[i] = from.image
					case "PLATFORM":
						arguments[i] = platformOf(shape)
					}
				}
				got := named(shape, newPlace(t).prints(arguments...), from.image)
				file := filepath.Join(folder, "output")
				if *update && from.registry != nil {
					if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("from a %s:\n%s\nwant\n%s", from.name, got, want)
				}
			}
		})
	}
}

// example is a shape by its name; some are only here.
func example(t *testing.T, name string) shapes.Shape {
	t.Helper()
	switch name {
	case "every-source":
		shape, _ := shapes.EverySource()
		return shape
	case "nothing-attached":
		return shapes.ByName("multi-platform")
	case "described":
		shape, artifact := attached(t, text("", "x"))
		entry := node.About(node.Artifact(t, shape, "application/x"), artifact, "signature")
		entry.Annotations["org.opencontainers.reference.description"] = "signs the SBOM"
		return node.Attach(t, shape, entry)
	default:
		return shapes.ByName(name)
	}
}

var elsewhere = regexp.MustCompile(`image linux/(amd64|arm64/v8) `)

var spaces = regexp.MustCompile(` {2,}`)

var hexDigits = regexp.MustCompile(`sha256:[0-9a-f]{12,64}\b`)

// named writes digests as what they are of, without changing their length, and siblings in the order of what they are called then.
func named(shape shapes.Shape, text, image string) string {
	called := map[string]string{}
	for _, one := range []struct {
		name string
		of   digest.Digest
	}{{"root", shape.Root.Digest}, {"image", shape.Selected}} {
		called[one.of.Encoded()[:12]] = one.name
	}
	text = strings.ReplaceAll(text, image, "IMAGE")
	if len(shape.Expect.Selections) > 0 {
		text = strings.ReplaceAll(text, platformOf(shape), "PLATFORM")
	}
	// What depends on this machine's busybox and processor.
	for image := range shape.Configs {
		size := fmt.Sprintf("%d.0 B", len(shape.Blobs[image]))
		text = strings.ReplaceAll(text, size, strings.Repeat("_", len(size)))
	}
	text = elsewhere.ReplaceAllString(text, "image ELSEWHERE ")
	// What is not known by then is called by its type, which stands behind it or before it in its line.
	text = hexDigits.ReplaceAllStringFunc(text, func(found string) string {
		hex := strings.TrimPrefix(found, "sha256:")
		name := called[hex[:12]]
		if name == "" {
			name = "other"
		}
		return "sha256:" + name + strings.Repeat("_", len(hex)-len(name))
	})
	if strings.HasPrefix(text, "KIND") {
		lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
		lines[len(lines)-1] += "\n"
		slices.Sort(lines[1:])
		return strings.Join(lines, "")
	}
	if strings.HasPrefix(text, "IMAGE\n└── ") {
		return sortedTree(text)
	}
	return spaces.ReplaceAllString(text, "  ") // the width of columns with a platform
}

type branch struct {
	text  string
	below []*branch
}

// sortedTree is a tree with siblings in the order of their texts. That drawing it anew gives the same tree is part of the test.
func sortedTree(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	root := &branch{text: lines[0]}
	way := []*branch{root}
	for _, line := range lines[1:] {
		depth := 1
		for rest := line; ; depth++ {
			shorter, isSpace := strings.CutPrefix(rest, "    ")
			if !isSpace {
				if shorter, isSpace = strings.CutPrefix(rest, "│   "); !isSpace {
					line = rest
					break
				}
			}
			rest = shorter
		}
		line = strings.TrimPrefix(strings.TrimPrefix(line, "├── "), "└── ")
		one := &branch{text: line}
		if depth > len(way) {
			return fmt.Sprintf("not a tree, at %q:\n%s", line, text)
		}
		way = append(way[:depth], one)
		way[depth-1].below = append(way[depth-1].below, one)
	}
	if again := root.text + "\n" + drawn(root, ""); again != text {
		return fmt.Sprintf("drawn wrongly:\n%s\nwant\n%s", text, again)
	}
	sort(root)
	return root.text + "\n" + drawn(root, "")
}

func sort(of *branch) {
	for _, one := range of.below {
		sort(one)
	}
	slices.SortStableFunc(of.below, func(a, b *branch) int { return strings.Compare(a.text, b.text) })
}

func drawn(of *branch, indent string) string {
	var all strings.Builder
	for i, one := range of.below {
		drop, further := "├── ", "│   "
		if i == len(of.below)-1 {
			drop, further = "└── ", "    "
		}
		all.WriteString(indent + drop + one.text + "\n" + drawn(one, indent+further))
	}
	return all.String()
}
