// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"errors"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/plugin/cmd/ctr-refract/command"
	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

func piece(title, content string) node.Piece {
	return node.Piece{MediaType: "text/plain", Title: title, Content: []byte(content)}
}

// withArtifact makes a place whose node has pulled an image and fetched one artifact of these layers.
func withArtifact(t *testing.T, pieces ...node.Piece) (p *place, name string, shape shapes.Shape, artifact digest.Digest) {
	t.Helper()
	shape = shapes.ByName("multi-platform")
	entry := node.About(node.Artifact(t, shape, "application/vnd.example.thing", pieces...), shape.Selected, "thing")
	shape = node.Attach(t, shape, entry)
	p, name = pulled(t, shape)
	p.succeeds("fetch", name)
	p.forget()
	return p, name, shape, entry.Digest
}

func TestGetWritesTheOnlyLayer(t *testing.T) {
	shape := shapes.ByName("images-first")
	p, name := pulled(t, shape)
	p.succeeds("fetch", name)
	p.forget()
	sbom := shape.References[0]
	want := lastLayer(t, shape, sbom)
	for _, how := range [][]string{
		{name, sbom.String()},
		{name, sbom.String()[:len("sha256:")+8]},
		{name, sbom.Encoded()[:8]},
		{"--type", "sbom", name},
		{"--type", "sbom", name, sbom.Encoded()[:8]},
		{"--layer", "0", name, sbom.String()},
		{"--layer", digest.FromString(want).String(), name, sbom.String()},
		{"-o", "-", name, sbom.String()},
	} {
		got := p.run(append([]string{"get"}, how...)...)
		if got.code != 0 || got.out != want || got.err != "" {
			t.Errorf("get %q: %+v, want %q", how, got, want)
		}
	}
	if asked := p.requests(); asked != 0 {
		t.Errorf("the registry was asked %d times", asked)
	}
}

// Content goes to a file or a pipe as it is: it may be binary.
func TestGetWritesBytesAsTheyAre(t *testing.T) {
	content := "\x1b[31m\x00\xff\u202e\r\n" + strings.Repeat("binary\x00", 10_000)
	p, name, _, _ := withArtifact(t, piece("", content))
	if got := p.run("get", name); got.code != 0 || got.out != content {
		t.Errorf("exit code %d, %d bytes of %d, %s", got.code, len(got.out), len(content), got.err)
	}
}

func TestGetOfAnInlineAnnotationWritesItsValue(t *testing.T) {
	shape := shapes.ByName("inline-signatures")
	p, name := pulled(t, shape)
	for _, key := range []string{"dev.cosignproject.cosign/signature.e59879c", "dev.sigstore.cosign/chain.8adf60e"} {
		if got := p.run("get", name, key); got.code != 0 || got.out != "bytes of "+key || got.err != "" {
			t.Errorf("%s: %+v", key, got)
		}
		p.fails(1, []string{"has no manifest"}, "get", "--manifest", name, key)
	}
	if got := p.run("get", "--type", "certificate", name); got.out != "bytes of dev.sigstore.cosign/certificate.776a3f1" {
		t.Errorf("by type: %+v", got)
	}
}

func TestGetOfAPlainBlobWritesTheBlob(t *testing.T) {
	shape := shapes.ByName("plain-blobs-as-entries")
	p, name := pulled(t, shape)
	p.succeeds("fetch", name)
	for _, d := range shape.References {
		if got := p.run("get", name, d.String()); got.code != 0 || got.out != string(shape.Blobs[d]) {
			t.Errorf("%s: %+v", d, got)
		}
		p.fails(1, []string{"has no manifest"}, "get", "--manifest", name, d.String())
	}
}

func TestGetManifestWritesItsExactBytes(t *testing.T) {
	shape := shapes.ByName("images-first")
	p, name := pulled(t, shape)
	p.succeeds("fetch", name)
	for _, d := range shape.References {
		got := p.run("get", "--manifest", name, d.String())
		if got.code != 0 || got.out != string(shape.Blobs[d]) || digest.FromString(got.out) != d {
			t.Errorf("%s: %+v", d, got)
		}
	}
	// An index has no layers, but it has bytes.
	marked := shapes.ByName("marked-index-first")
	p, name = pulled(t, marked)
	p.succeeds("fetch", name)
	if got := p.run("get", "--manifest", name); got.out != string(marked.Blobs[marked.References[0]]) {
		t.Errorf("of an index: %+v", got)
	}
	p.fails(1, []string{"no layers", "--manifest"}, "get", name)
}

// Of several layers none is the obvious one.
func TestGetOfSeveralLayersAsksWhich(t *testing.T) {
	p, name, shape, artifact := withArtifact(t, piece("one.txt", "first"), piece("", "second"), piece("../../\x1b[2J", "third"))
	got := p.fails(1, []string{
		artifact.String(), "has 3 layers", "--layer", "-o",
		"0 " + digest.FromString("first").String() + " text/plain 5.0 B one.txt\n",
		"1 " + digest.FromString("second").String() + " text/plain 6.0 B \n",
		"2 " + digest.FromString("third").String() + ` text/plain 5.0 B ../../\x1b[2J` + "\n",
	}, "get", name)
	if got.out != "" {
		t.Errorf("wrote %q", got.out)
	}
	for layer, want := range map[string]string{"0": "first", "1": "second", "2": "third", digest.FromString("second").String(): "second", digest.FromString("third").Encoded()[:10]: "third"} {
		if got := p.run("get", "--layer", layer, name); got.code != 0 || got.out != want {
			t.Errorf("--layer %s: %+v", layer, got)
		}
	}
	for _, layer := range []string{"3", "65535", "-1", "sha256:0000000000", "first"} {
		p.fails(3, []string{"no such layer", "it has 3"}, "get", "--layer="+layer, name)
	}
	if want := string(shape.Blobs[artifact]); p.run("get", "--manifest", name).out != want {
		t.Error("--manifest does not need to know which layer")
	}
}

func TestGetOfOneOfSeveralReferencesListsThem(t *testing.T) {
	shape := shapes.ByName("three-levels")
	p, name := pulled(t, shape)
	got := p.fails(1, []string{"several references match", "name one of these 2", shape.References[0].String(), shape.References[1].String()},
		"get", "--type", "signature", name)
	if got.out != "" || strings.Contains(got.err, shape.References[2].String()) {
		t.Errorf("%+v", got)
	}
}

var fetchWords = regexp.MustCompile(`this gets it: (.*)\n`)

// words splits a command line as a shell does.
func words(t *testing.T, line string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", `printf '%s\n' `+line).Output()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// What is not here is not "not found": the message is the command that gets it, and that command does.
func TestGetOfWhatWasNotFetchedNamesTheCommandThatGetsIt(t *testing.T) {
	shape := shapes.ByName("images-first")
	p, name := pulled(t, shape)
	sbom := shape.References[0].String()
	for _, how := range [][]string{{name, sbom}, {"--type", "sbom", name}, {"--manifest", name, sbom}, {"--layer", "0", name, sbom}} {
		got := p.fails(3, []string{"sbom " + sbom + " is not on this node as a whole; this gets it: ctr-refract references fetch " + name + " " + sbom + "\n"},
			append([]string{"get"}, how...)...)
		if got.out != "" {
			t.Errorf("wrote %q", got.out)
		}
	}
	// With the flags by which the daemon was found.
	got := p.program("ctr-refract", "--address", "/run/my containerd.sock", "-n", "k8s.io", "references", "get", name, sbom)
	found := fetchWords.FindStringSubmatch(got.err)
	if found == nil {
		t.Fatalf("%+v", got)
	}
	line := words(t, found[1])
	if want := sprint("ctr-refract --address /run/my containerd.sock --namespace k8s.io references fetch", name, sbom); strings.Join(line, " ") != want || len(line) != 9 {
		t.Errorf("command %q, want %q", line, want)
	}
	if got := p.program(line...); got.code != 0 {
		t.Fatalf("%q: %+v", line, got)
	}
	if got := p.run("get", name, sbom); got.code != 0 || got.out != lastLayer(t, shape, shape.References[0]) {
		t.Errorf("after it: %+v", got)
	}
}

// An image may be named anything. In a command to be copied it must not become another command. Those here are harmless: if
// quoting breaks, this test runs them.
func TestGetQuotesWhatAShellWouldReadOtherwise(t *testing.T) {
	shape := shapes.ByName("images-first")
	p, name := pulled(t, shape)
	record := p.Image(p.ctx, t, name)
	for _, strange := range []string{"it's", "a; echo b", "$(echo a)", "`echo a`", "a | cat", "a & b", "\"a\"", "*", "a b", "~", "#x", "$HOME", `a\b`, "ünïcode"} {
		if _, err := p.Images.Create(p.ctx, images.Image{Name: strange, Target: record.Target, Labels: record.Labels}); err != nil {
			t.Fatal(err)
		}
		found := fetchWords.FindStringSubmatch(p.run("get", strange, shape.References[0].String()).err)
		if found == nil {
			t.Errorf("%q: no command", strange)
			continue
		}
		if line := words(t, found[1]); len(line) != 5 || line[3] != strange {
			t.Errorf("%q: command %q", strange, line)
		}
	}
}

// What is only in part here is not handed out as if it were all, and the same command gets the rest.
func TestGetOfAnArtifactWithAMissingLayer(t *testing.T) {
	p, name, _, artifact := withArtifact(t, piece("", "first"), piece("", "second"))
	p.Drop(p.ctx, t, digest.FromString("second"))
	if got := p.run("get", "--layer", "0", name); got.code != 0 || got.out != "first" {
		t.Errorf("the layer that is here: %+v", got)
	}
	got := p.fails(3, []string{"ctr-refract references fetch " + name + " " + artifact.String()}, "get", "--layer", "1", name)
	if got.out != "" {
		t.Errorf("wrote %q", got.out)
	}
	p.succeeds("fetch", name, artifact.String())
	if got := p.run("get", "--layer", "1", name); got.code != 0 || got.out != "second" {
		t.Errorf("after the fetch: %+v", got)
	}
}

func TestGetRefusesBytesThatAreNotThoseOfTheDigest(t *testing.T) {
	const content = "the payload"
	cases := []struct {
		name  string
		of    func(artifact digest.Digest) digest.Digest
		bytes func(was []byte) []byte
		words string
	}{
		{"layer changed", func(digest.Digest) digest.Digest { return digest.FromString(content) }, func([]byte) []byte { return []byte("The payload") }, "digest mismatch"},
		{"layer cut", func(digest.Digest) digest.Digest { return digest.FromString(content) }, func([]byte) []byte { return []byte("the pay") }, "size mismatch"},
		{"manifest changed", func(of digest.Digest) digest.Digest { return of }, func(was []byte) []byte { return append(was[:len(was)-1:len(was)-1], ' ') }, "digest"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, name, shape, artifact := withArtifact(t, piece("", content))
			of := c.of(artifact)
			p.Spoil(t, of, c.bytes(shape.Blobs[of]))
			if got := p.fails(1, []string{c.words, of.String()}, "get", name); got.out != "" {
				t.Errorf("wrote %q", got.out)
			}
		})
	}
}

func TestGetOfAnAlgorithmThatNobodyHereCanCheck(t *testing.T) {
	shape := shapes.ByName("unknown-digest-algorithm")
	p, name := pulled(t, shape)
	for _, how := range []string{"--type=sbom", "--manifest"} {
		if got := p.fails(1, []string{"cannot be checked", shape.References[0].String()}, "get", how, name); got.out != "" {
			t.Errorf("wrote %q", got.out)
		}
	}
}

// full is a standard output that takes nothing more.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// What could not be written was not written, however well everything else went.
func TestOutputThatFailsIsAFailure(t *testing.T) {
	p, name, _, _ := withArtifact(t, piece("", strings.Repeat("x", 100_000)))
	for _, arguments := range [][]string{
		{"get", name}, {"get", "--manifest", name}, {"ls", name}, {"ls", "--output", "json", name}, {"tree", name}, {"tree", "--output", "json", name}, {"fetch", name},
	} {
		err := p.root(full{}, io.Discard).Run(p.ctx, append([]string{"ctr-refract", "references"}, arguments...))
		if !errors.Is(err, syscall.ENOSPC) || command.ExitCode(err) != 1 {
			t.Errorf("%q: %v", arguments, err)
		}
	}
}
