// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// root is the project's folder.
const root = "../.."

// page is a Markdown file.
type page struct {
	path string // from the root, with slashes
	text string
}

// notOurs are folders whose pages are built, stored by Git, or data of tests.
var notOurs = map[string]bool{".git": true, "build": true, "corpus": true, "testdata": true}

// pages are all Markdown files of the project. Those that are not committed yet count, too.
func pages(t *testing.T) []page {
	t.Helper()
	tree := os.DirFS(root)
	var all []page
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && notOurs[entry.Name()]:
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".md":
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		all = append(all, page{name, string(text)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// read is one page.
func read(t *testing.T, name string) page {
	t.Helper()
	text, err := os.ReadFile(path.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return page{name, string(text)}
}

var (
	fence    = regexp.MustCompile("(?ms)^```.*?^```[^\n]*$")
	code     = regexp.MustCompile("`[^`\n]+`")
	heading  = regexp.MustCompile(`(?m)^#+ +(.+?) *$`)
	linked   = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)
	absolute = regexp.MustCompile(`^[a-z]+:`)
)

// prose is the page without its blocks of code.
func (p page) prose() string { return fence.ReplaceAllString(p.text, "") }

// links are the targets of the page's links that are not addresses of the web.
func (p page) links() []string {
	var targets []string
	for _, found := range linked.FindAllStringSubmatch(code.ReplaceAllString(p.prose(), ""), -1) {
		if !absolute.MatchString(found[1]) {
			targets = append(targets, found[1])
		}
	}
	return targets
}

// names are the paths of files that the page names in code, from the project's folder.
func (p page) names() []string {
	var named []string
	for _, found := range code.FindAllString(p.prose(), -1) {
		name := strings.Trim(found, "`")
		top, _, inside := strings.Cut(name, "/")
		if inside && (top == "native" || top == "plugin" || top == "tests" || top == ".ci") && !strings.ContainsAny(name, " *<…") {
			named = append(named, name)
		}
	}
	return named
}

// anchors are the names that GitHub gives to the page's headings.
func (p page) anchors() map[string]bool {
	made := map[string]bool{}
	for _, found := range heading.FindAllStringSubmatch(p.prose(), -1) {
		made[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r):
				return unicode.ToLower(r)
			default:
				return -1
			}
		}, found[1])] = true
	}
	return made
}

// exists tells whether the project has a file or folder of that path.
func exists(name string) bool {
	_, err := os.Stat(path.Join(root, name))
	return err == nil
}
