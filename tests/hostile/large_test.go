// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const large = 700 * 1000 * 1000

// writeLarge writes as many bytes, which are the same each time.
func writeLarge(to io.Writer) error {
	chunk := make([]byte, 100_000)
	for i := range chunk {
		chunk[i] = byte(i % 251)
	}
	for range large / len(chunk) {
		if _, err := to.Write(chunk); err != nil {
			return err
		}
	}
	return nil
}

// TestLargeBlobIsStreamed into a file that a truncated copy would not equal.
func TestLargeBlobIsStreamed(t *testing.T) {
	want := sha256.New()
	if err := writeLarge(want); err != nil {
		t.Fatal(err)
	}
	d := digest.NewDigest(digest.SHA256, want)
	c := newContent(func(layer *ocispec.Descriptor) { layer.Digest, layer.Size = d, large })
	s := listen(t, false, c.instead("blobs", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(large))
		_ = writeLarge(w) // who went away does not want it
	}))
	file := filepath.Join(t.TempDir(), "sbom")
	got := get(s, "-o", file).run(t)
	got.succeeds(t) // within its memory
	t.Logf("it took %d MiB of memory", got.memory/MiB)
	hasDigest(t, file, sha256.New(), d)
}

func hasDigest(t *testing.T, file string, sum hash.Hash, want digest.Digest) {
	t.Helper()
	content, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	if _, err := io.Copy(sum, content); err != nil {
		t.Fatal(err)
	}
	if got := digest.NewDigest(digest.SHA256, sum); got != want {
		t.Errorf("want %s, it is %s", want, got)
	}
}

// TestLargeManifestsAreBoundedTogether: each is within the limit of a document, all are not within memory.
func TestLargeManifestsAreBoundedTogether(t *testing.T) {
	const count = 40
	c := newContent()
	entries := []ocispec.Descriptor{c.image}
	for n := range count {
		artifact := c.manifest(ocispec.MediaTypeEmptyJSON, fmt.Sprint(sbomType, n), c.blob)
		bytes := c.documents[artifact.Digest.String()]
		bytes = append(bytes, strings.Repeat(" ", 4*MiB-len(bytes))...)
		artifact.Digest, artifact.Size = digest.FromBytes(bytes), int64(len(bytes))
		artifact.Annotations = c.sbom.Annotations
		c.documents[artifact.Digest.String()] = bytes
		entries = append(entries, artifact)
	}
	c.root(entries...)
	dir := t.TempDir()
	got := get(listen(t, false, c.serve), "--all", "-o", dir).run(t)
	t.Logf("it took %d MiB of memory", got.memory/MiB)
	if got.memory > mostOfMany {
		t.Errorf("it took %d MiB of memory", got.memory/MiB)
	}
	// What fits is written.
	if got.code != 1 || !strings.Contains(got.stderr, "67108864 bytes together") || !strings.Contains(got.stderr, "could not be written, all else is") {
		t.Errorf("it exits with %d and says %.500q", got.code, got.stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, c.blob.Digest.Encoded())); err != nil {
		t.Error(err)
	}
}
