// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

// filesIn are all files below a directory with what is in them; of a symlink it is where it leads.
func filesIn(t *testing.T, directory string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(directory, path)
		if err != nil {
			return err
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			files[name], err = os.Readlink(path)
			return err
		}
		content, err := os.ReadFile(path)
		files[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func holds(t *testing.T, directory string, want map[string]string) {
	t.Helper()
	if got := filesIn(t, directory); !maps.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", directory, got, want)
	}
}

func hexOf(content string) string { return digest.FromString(content).Encoded() }

func TestGetIntoADirectoryNamesFilesByTitlesElseByDigests(t *testing.T) {
	p, name, shape, artifact := withArtifact(t, piece("one.txt", "first"), piece("", "second"), piece("a b – ü.txt", "third"))
	base := t.TempDir()
	want := map[string]string{"one.txt": "first", hexOf("second"): "second", "a b – ü.txt": "third"}
	existing := filepath.Join(base, "existing")
	if err := os.Mkdir(existing, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, directory := range []string{existing, filepath.Join(base, "new"), filepath.Join(base, "with/slash") + "/"} {
		out := p.succeeds("get", "-o", directory, name)
		holds(t, directory, want)
		// What was written is said, a line for each.
		for file := range want {
			if !strings.Contains(out, filepath.Join(directory, file)+"\n") {
				t.Errorf("%q does not name %q", out, file)
			}
		}
		if strings.Count(out, "\n") != len(want) {
			t.Errorf("printed %q", out)
		}
	}
	one := filepath.Join(base, "one") + "/"
	p.succeeds("get", "--layer", "1", "-o", one, name)
	holds(t, one, map[string]string{hexOf("second"): "second"})
	manifest := filepath.Join(base, "manifest") + "/"
	p.succeeds("get", "--manifest", "-o", manifest, name)
	holds(t, manifest, map[string]string{artifact.Encoded(): string(shape.Blobs[artifact])})
}

func TestGetIntoAFile(t *testing.T) {
	p, name, _, _ := withArtifact(t, piece("its-title", "content"))
	base := t.TempDir()
	file := filepath.Join(base, "named.txt")
	if out := p.succeeds("get", "-o", file, name); out != file+"\n" {
		t.Errorf("printed %q", out)
	}
	holds(t, base, map[string]string{"named.txt": "content"})
	// A relative one, too.
	t.Chdir(base)
	p.succeeds("get", "-o", "relative", name)
	holds(t, base, map[string]string{"named.txt": "content", "relative": "content"})
	p.fails(1, []string{"no such file"}, "get", "-o", "no/such/folder", name)
	holds(t, base, map[string]string{"named.txt": "content", "relative": "content"})
}

// A title comes from whoever made the artifact. It never leads out of the directory, hides, or does anything to a terminal.
func TestTitlesThatAreNoPlainNamesNeverBecomeFileNames(t *testing.T) {
	titles := []string{
		"../escaped", "../../etc/passwd", "/etc/cron.d/x", "a/b", `..\windows`, `a\b`, "..", ".", ".bashrc", ".ssh/authorized_keys",
		"-rf", "--help", strings.Repeat("x", 256), strings.Repeat("ü", 128), "line\nend", "tab\tin it", "esc\x1b[2J", "bell\a", "null\x00byte",
		"\u202egnp.exe", "zero\u200bwidth", "no-break\u00a0space", "\u2066isolate", "\x7f", "\u0085", "\ufeffbom", " \u3000", "c1\u009b31m",
	}
	var pieces []node.Piece
	want := map[string]string{}
	for _, title := range titles {
		content := "content under " + title
		pieces = append(pieces, piece(title, content))
		want[filepath.Join("deep/er/down", hexOf(content))] = content
	}
	p, name, _, _ := withArtifact(t, pieces...)
	base := t.TempDir()
	p.succeeds("get", "-o", filepath.Join(base, "deep/er/down")+"/", name)
	holds(t, base, want)
}

func TestLongestTitleThatFileSystemsTakeIsAName(t *testing.T) {
	title := strings.Repeat("x", 255)
	p, name, _, _ := withArtifact(t, piece(title, "content"))
	directory := t.TempDir()
	p.succeeds("get", "-o", directory, name)
	holds(t, directory, map[string]string{title: "content"})
}

// Each layer gets its own file, whatever their titles claim.
func TestTitlesThatCollide(t *testing.T) {
	cases := []struct {
		name   string
		pieces []node.Piece
		want   map[string]string
	}{
		{"the same title twice", []node.Piece{piece("x", "first"), piece("x", "second")}, map[string]string{"x": "first", hexOf("second"): "second"}},
		{"the same content twice", []node.Piece{piece("", "first"), piece("", "first")}, map[string]string{hexOf("first"): "first"}},
		{"another layer's digest before it", []node.Piece{piece(hexOf("second"), "first"), piece("", "second")}, map[string]string{hexOf("first"): "first", hexOf("second"): "second"}},
		{"another layer's digest after it", []node.Piece{piece("", "second"), piece(hexOf("second"), "first")}, map[string]string{hexOf("first"): "first", hexOf("second"): "second"}},
		{"its own digest", []node.Piece{piece(hexOf("first"), "first"), piece("", "second")}, map[string]string{hexOf("first"): "first", hexOf("second"): "second"}},
		{"a digest that nothing has", []node.Piece{piece(hexOf("third"), "first")}, map[string]string{hexOf("first"): "first"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, name, _, _ := withArtifact(t, c.pieces...)
			directory := t.TempDir()
			p.succeeds("get", "-o", directory, name)
			holds(t, directory, c.want)
		})
	}
}

func TestFilesThatExistAreLeftAlone(t *testing.T) {
	p, name, _, _ := withArtifact(t, piece("taken", "from a registry"))
	base := t.TempDir()
	secret, directory := filepath.Join(base, "secret"), filepath.Join(base, "directory")
	missing := filepath.Join(base, "missing")
	for _, made := range []error{
		os.WriteFile(secret, []byte("mine"), 0o600), os.Mkdir(directory, 0o755),
		os.Symlink(secret, filepath.Join(base, "to-secret")), os.Symlink(missing, filepath.Join(base, "to-nowhere")),
	} {
		if made != nil {
			t.Fatal(made)
		}
	}
	for _, taken := range []func() error{
		func() error { return os.WriteFile(filepath.Join(directory, "taken"), []byte("mine"), 0o600) },
		func() error { return os.Symlink(secret, filepath.Join(directory, "taken")) },
		func() error { return os.Symlink(missing, filepath.Join(directory, "taken")) },
		func() error { return os.Symlink("../escaped", filepath.Join(directory, "taken")) },
		func() error { return os.Mkdir(filepath.Join(directory, "taken"), 0o700) },
	} {
		if err := taken(); err != nil {
			t.Fatal(err)
		}
		before := filesIn(t, base)
		p.fails(1, []string{"exists, it is left alone", filepath.Join(directory, "taken")}, "get", "-o", directory, name)
		holds(t, base, before)
		if err := os.Remove(filepath.Join(directory, "taken")); err != nil {
			t.Fatal(err)
		}
	}
	before := filesIn(t, base)
	for _, file := range []string{secret, filepath.Join(base, "to-secret"), filepath.Join(base, "to-nowhere")} {
		p.fails(1, []string{"exists, it is left alone", file}, "get", "-o", file, name)
		holds(t, base, before)
	}
}

func TestSeveralLayersNeedADirectory(t *testing.T) {
	p, name, _, _ := withArtifact(t, piece("", "first"), piece("", "second"))
	base := t.TempDir()
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.fails(1, []string{"is not a directory", "2 layers"}, "get", "-o", file, name)
	nowhere := filepath.Join(base, "link")
	if err := os.Symlink(filepath.Join(base, "missing"), nowhere); err != nil {
		t.Fatal(err)
	}
	p.fails(1, nil, "get", "-o", nowhere, name)
	holds(t, base, map[string]string{"file": "mine", "link": filepath.Join(base, "missing")})
}

// A file under a name is whole and checked, or it is not there.
func TestFileOfSpoiledContentIsRemoved(t *testing.T) {
	content := strings.Repeat("x", 1<<20)
	p, name, _, _ := withArtifact(t, piece("title", content))
	p.Spoil(t, digest.FromString(content), []byte(content[1:]+"y"))
	base := t.TempDir()
	for _, path := range []string{base, filepath.Join(base, "file")} {
		if got := p.fails(1, []string{"digest mismatch"}, "get", "-o", path, name); got.out != "" {
			t.Errorf("printed %q", got.out)
		}
		holds(t, base, map[string]string{})
	}
}

func TestInlineAnnotationIntoADirectoryIsNamedByADigest(t *testing.T) {
	shape := shapes.ByName("inline-signatures")
	p, name := pulled(t, shape)
	const key = "dev.sigstore.cosign/bundle.6436749"
	directory := t.TempDir()
	p.succeeds("get", "-o", directory, name, key)
	holds(t, directory, map[string]string{hexOf(key): "bytes of " + key})
}
