// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

func (p *place) has(want map[string]string) {
	p.t.Helper()
	got := map[string]string{}
	for _, name := range filesBelow(p.t, p.folder) {
		content, err := os.ReadFile(filepath.Join(p.folder, name))
		if err == nil {
			got[name] = string(content)
		}
	}
	for name, content := range want {
		if got[name] != content {
			p.t.Errorf("%q is %q, want %q", name, got[name], content)
		}
	}
	for name := range got {
		if _, wanted := want[name]; !wanted {
			p.t.Errorf("%q was not to be", name)
		}
	}
}

// TestInspectRawPrintsTheExactBytes: of an index and of a manifest.
func TestInspectRawPrintsTheExactBytes(t *testing.T) {
	for _, name := range []string{"images-first", "single-manifest"} {
		shape := shapes.ByName(name)
		for _, from := range everywhere(t, shape) {
			if got := digest.FromString(newPlace(t).prints("inspect", "--raw", from.image)); got != shape.Root.Digest {
				t.Errorf("%s from a %s: bytes of %s, want %s", name, from.name, got, shape.Root.Digest)
			}
		}
	}
}

// TestGetIsToldWhatByItsNameOrItsType: a digest, the beginning of one with or without the algorithm, a type.
func TestGetIsToldWhatByItsNameOrItsType(t *testing.T) {
	shape, artifact := attached(t, text("name", "the content"))
	other := node.Artifact(t, shape, "application/x", text("", "another"))
	shape = node.Attach(t, shape, node.About(other, shape.Selected, "signature"))
	manifest := string(shape.Blobs[artifact])
	p := newPlace(t)
	for _, from := range everywhere(t, shape) {
		for _, c := range []struct {
			want      string
			arguments []string
		}{
			{"the content", []string{artifact.String()}},
			{"the content", []string{artifact.String()[:20]}},
			{"the content", []string{artifact.Encoded()[:12]}},
			{"the content", []string{"--type", "sbom"}},
			{"the content", []string{"--type", "application/spdx+json"}},
			{"the content", []string{"--artifact-type", "application/spdx+json"}},
			{"the content", []string{"--type", "sbom", "--layer", "0"}},
			{"the content", []string{"--type", "sbom", "--layer", digest.FromString("the content").String()}},
			{"another", []string{"--type", "signature"}},
			{manifest, []string{"--type", "sbom", "--manifest"}},
			{manifest, []string{artifact.Encoded()[:12], "--manifest"}},
		} {
			if got := p.prints(append([]string{"references", "get", from.image}, c.arguments...)...); got != c.want {
				t.Errorf("%s %q: %q, want %q", from.name, c.arguments, got, c.want)
			}
		}
		got := p.run("references", "get", from.image)
		if got.code != 1 || got.out != "" || !strings.HasPrefix(got.err, "KIND ") || strings.Count(got.err, "\n") != 4 ||
			!strings.Contains(got.err, artifact.String()) || !strings.Contains(got.err, other.Digest.String()) {
			t.Errorf("%s: several: exit code %d, %q, %q", from.name, got.code, got.out, got.err)
		}
	}
}

// TestGetOfSeveralLayersListsThem: on standard error, so that one can be chosen.
func TestGetOfSeveralLayersListsThem(t *testing.T) {
	shape, artifact := attached(t, text("one", "1"), text("two", "2"))
	for _, from := range everywhere(t, shape) {
		p := newPlace(t)
		got := p.run("references", "get", from.image)
		if got.code != 1 || got.out != "" || !strings.HasPrefix(got.err, "LAYER ") || strings.Count(got.err, "\n") != 4 || !strings.Contains(got.err, "--layer") {
			t.Errorf("%s: exit code %d, %q, %q", from.name, got.code, got.out, got.err)
		}
		if got := p.prints("references", "get", from.image, "--layer", "1"); got != "2" {
			t.Errorf("%s: layer 1 is %q", from.name, got)
		}
		if got, want := p.prints("references", "get", from.image, "-o", "all"), "all/one\nall/two\n"; got != want {
			t.Errorf("%s: told %q, want %q", from.name, got, want)
		}
		p.has(map[string]string{"all/one": "1", "all/two": "2"})
		if got, want := p.prints("references", "get", from.image, "--manifest", "-o", "manifest.json"), "manifest.json\n"; got != want {
			t.Errorf("%s: told %q, want %q", from.name, got, want)
		}
		p.has(map[string]string{"all/one": "1", "all/two": "2", "manifest.json": string(shape.Blobs[artifact])})
	}
}

// TestGetAllOfEverySource: what is found in eight ways is got in one.
func TestGetAllOfEverySource(t *testing.T) {
	shape, references := shapes.EverySource()
	for _, from := range everywhere(t, shape) {
		p := newPlace(t)
		p.prints("references", "get", "--all", "-o", "all", from.image)
		var got []string
		for _, name := range filesBelow(t, filepath.Join(p.folder, "all")) {
			content, err := os.ReadFile(filepath.Join(p.folder, "all", name))
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(content))
		}
		for _, want := range []string{`{"scan":"of the root"}`, `{"licence":"Apache-2.0"}`} {
			if !slices.Contains(got, want) {
				t.Errorf("%s: no file holds %s", from.name, want)
			}
		}
		for _, reference := range references {
			if reference.Annotation == "" {
				continue
			}
			value := p.prints("references", "get", from.image, reference.Annotation)
			if value == "" || !slices.Contains(got, value) {
				t.Errorf("%s: no file holds the annotation %s: %q", from.name, reference.Annotation, value)
			}
		}
	}
}

// TestTitlesAreNamesOnlyWherePlain: others would lead out of the folder, hide, or pass for something else.
func TestTitlesAreNamesOnlyWherePlain(t *testing.T) {
	titles := []string{
		"plain.json", "ünïcode 漢.txt", "../escape", "/absolute", "a/b", `a\b`, "..", ".", ".hidden", "-flag", "new\nline", "\x1b[2J", "\u202eexe.txt",
		strings.Repeat("x", 256), strings.Repeat("ab", 32), "plain.json",
	}
	var pieces []node.Piece
	want := map[string]string{}
	for i, title := range titles {
		content := "content of " + title + string(rune('a'+i))
		pieces = append(pieces, text(title, content))
		name := digest.FromString(content).Encoded()
		if i < 2 {
			name = title
		}
		want["all/"+name] = content
	}
	shape, _ := attached(t, pieces...)
	for _, from := range everywhere(t, shape) {
		p := newPlace(t)
		p.prints("references", "get", from.image, "-o", "all")
		p.has(want)
	}
}

// TestFilesThatExistAreLeftAlone: also links that lead nowhere, and those in a folder beside new ones.
func TestFilesThatExistAreLeftAlone(t *testing.T) {
	shape, _ := attached(t, text("one", "1"), text("two", "2"))
	for _, from := range everywhere(t, shape) {
		p := newPlace(t)
		if err := os.WriteFile(filepath.Join(p.folder, "mine"), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("nowhere", filepath.Join(p.folder, "link")); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"mine", "link"} {
			p.fails(1, []string{`"` + name + `" exists`, "left alone"}, "references", "get", from.image, "--layer", "0", "-o", name)
		}
		p.fails(1, []string{`"mine"`, "not a directory"}, "references", "get", from.image, "-o", "mine")
		if err := os.Mkdir(filepath.Join(p.folder, "folder"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(p.folder, "folder", "two"), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		p.fails(1, []string{`"folder/two" exists`}, "references", "get", from.image, "-o", "folder")
		p.fails(1, []string{`"missing"`}, "references", "get", from.image, "--layer", "0", "-o", "missing/file")
		p.has(map[string]string{"mine": "mine", "folder/two": "mine"})
		if _, err := os.Lstat(filepath.Join(p.folder, "nowhere")); err == nil {
			t.Error("the link was written through")
		}
	}
}

// TestNothingHalfDoneRemains: after a blob that is cut off, has other bytes, or is refused.
func TestNothingHalfDoneRemains(t *testing.T) {
	content := strings.Repeat("content ", 1000)
	shape, _ := attached(t, text("whole", "whole"), text("name", content))
	blob := digest.FromString(content)
	server := node.Serve(t, shape)
	for name, fault := range map[string]registry.Fault{
		"cut":         registry.Cut([]byte(content), 100),
		"other bytes": registry.Body("text/plain", []byte(strings.Repeat("CONTENT ", 1000))),
		"refused":     registry.Status(http.StatusForbidden),
		"gone":        registry.Status(http.StatusNotFound),
	} {
		server.Inject(registry.OnGet(blob, fault))
		for _, to := range []string{"new/folder", "file"} {
			p := newPlace(t)
			arguments := []string{"references", "get", node.Name(server, shape), "--timeout", "5", "-o", to}
			if to == "file" {
				arguments = append(arguments, "--layer", "1")
			}
			got := p.run(arguments...)
			if got.code == 0 || got.out != "" {
				t.Errorf("%s to a %s: exit code %d, %q", name, to, got.code, got.out)
			}
			oneLine(t, got.err)
			if left := filesBelow(t, p.folder); len(left) != 0 {
				t.Errorf("%s to a %s: left behind: %q", name, to, left)
			}
		}
	}
}

// TestWrongBytesDoNotReachThePipe: up to 4 MiB nothing is written before all of it is checked. Of more, the exit code tells.
func TestWrongBytesDoNotReachThePipe(t *testing.T) {
	written := 0
	for _, size := range []int{1000, 4 << 20, 4<<20 + 1} {
		content := strings.Repeat("x", size)
		shape, artifact := attached(t, text("name", content))
		blob := digest.FromString(content)
		wrong := []byte(content[:size-1] + "y")
		server := node.Serve(t, shape)
		broken := shape
		broken.Blobs = maps.Clone(shape.Blobs)
		for name, fault := range map[string]registry.Fault{
			"cut": registry.Cut([]byte(content), size-1), "other bytes": registry.Body("text/plain", wrong),
			"too long": registry.Body("text/plain", []byte(content+"z")), "": nil,
		} {
			server.Inject(nil)
			if name == "cut" && size > 1000 {
				continue // asked for again and again, which takes long
			}
			if fault != nil {
				server.Inject(registry.OnGet(blob, fault))
			}
			broken.Blobs[blob] = wrong
			images := []string{node.Name(server, shape)}
			if name == "other bytes" {
				images = append(images, inLayout(t, broken))
			}
			for _, image := range images {
				got := newPlace(t).run("references", "get", "--timeout", "5", image, artifact.String())
				switch {
				case name == "" && (got.code != 0 || got.out != content):
					t.Errorf("%d bytes: exit code %d, %d bytes came", size, got.code, len(got.out))
				case name != "" && got.code == 0:
					t.Errorf("%d bytes, %s: exit code 0", size, name)
				case name != "" && size <= 4<<20 && got.out != "":
					t.Errorf("%d bytes, %s: %d bytes were written", size, name, len(got.out))
				}
				written++
			}
		}
	}
	t.Logf("%d times", written)
}
