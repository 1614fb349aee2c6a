// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/refract-oci/refract/plugin/policy"
)

// mostWords is how long the README may be. "wc -w" counts no more than this test.
const mostWords = 1300

func TestTheReadmeIsShort(t *testing.T) {
	if words := len(strings.Fields(read(t, "README.md").text)); words > mostWords {
		t.Errorf("README.md has %d words, at most %d are allowed: move details to the page of their folder", words, mostWords)
	}
}

// A link leads to a file or folder of the project and, if it names a heading, to a heading of that page.
func TestLinksLeadSomewhere(t *testing.T) {
	all := pages(t)
	if len(all) < 2 {
		t.Fatalf("only %d pages were found", len(all))
	}
	for _, from := range all {
		for _, target := range from.links() {
			name, anchor, _ := strings.Cut(target, "#")
			to := from.path
			if name != "" {
				to = path.Join(path.Dir(from.path), name)
			}
			if !exists(to) {
				t.Errorf("%s: the link %s leads to no file", from.path, target)
			} else if anchor != "" && !read(t, to).anchors()[anchor] {
				t.Errorf("%s: the link %s leads to no heading of %s", from.path, target, to)
			}
		}
	}
}

// The changelog also names files that are gone.
func TestNamedFilesExist(t *testing.T) {
	for _, from := range pages(t) {
		if from.path == "CHANGELOG.md" {
			continue
		}
		for _, name := range from.names() {
			if !exists(name) {
				t.Errorf("%s names %s, which does not exist", from.path, name)
			}
		}
	}
}

func TestEveryFolderOfTestsIsInTheIndex(t *testing.T) {
	folders, err := os.ReadDir(path.Join(root, "tests"))
	if err != nil {
		t.Fatal(err)
	}
	contributing := read(t, "CONTRIBUTING.md").text
	for _, folder := range folders {
		if row := fmt.Sprintf("\n| `tests/%s/` | ", folder.Name()); folder.IsDir() && !strings.Contains(contributing, row) {
			t.Errorf("CONTRIBUTING.md: the index of tests has no line %q", strings.TrimSpace(row))
		}
	}
}

// Every key that a policy can have is in the table with its default, a rule's "match" too.
func TestEveryKeyOfThePolicyIsDocumented(t *testing.T) {
	const name = "plugin/policy/README.md"
	table := read(t, name).text
	defaults := policy.Default().Map()
	ruled := policy.Default()
	ruled.Rules = []policy.Rule{{Match: "registry.example/*", Policy: policy.Default()}}
	rules, ok := ruled.Map()["rules"].([]any)
	if !ok || len(rules) != 1 {
		t.Fatalf("the rules are %v", ruled.Map()["rules"])
	}
	rule, ok := rules[0].(map[string]any)
	if !ok {
		t.Fatalf("a rule is a %T", rules[0])
	}
	keys := map[string]bool{"rules": true}
	for key := range rule {
		keys[key] = true
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		row := lineWith(table, "| `"+key+"` | ")
		if row == "" {
			t.Errorf("%s: the table has no row for %s", name, key)
			continue
		}
		value, ok := defaults[key]
		if !ok {
			continue
		}
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if cell := "| `" + string(text) + "` |"; !strings.Contains(row, cell) {
			t.Errorf("%s: the row for %s lacks its default %s: %s", name, key, text, row)
		}
	}
}

// lineWith is the first line of a text that begins so; empty if none does.
func lineWith(text, beginning string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, beginning) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
