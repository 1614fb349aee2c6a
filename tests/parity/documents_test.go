// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package parity_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
)

const (
	referenceDigest      = "org.opencontainers.reference.digest"
	referenceType        = "org.opencontainers.reference.type"
	referenceDescription = "org.opencontainers.reference.description"
)

// reader lists documents through the library: it selects nothing, so what it answers is what it read.
type reader struct {
	request *native.Request
	walk    *native.Walk
}

func newReader(t testing.TB) *reader {
	t.Helper()
	request, err := native.NewRequest(native.RequestOptions{Mode: native.List})
	if err != nil {
		t.Fatal(err)
	}
	walk, err := native.NewWalk(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		walk.Close()
		request.Close()
	})
	return &reader{request: request, walk: walk}
}

// read walks through the bytes as an index. Nested ones are never to be had.
func (r *reader) read(raw []byte) error {
	need, err := r.walk.Begin(ocispec.MediaTypeImageIndex, digest.FromBytes(raw).String(), int64(len(raw)), raw)
	for err == nil && need != nil {
		need, err = r.walk.Missing("404 Not Found")
	}
	return err
}

// compare reads one document with both. It returns whether refract accepted it, and how the two differ.
func (r *reader) compare(raw []byte) (accepted bool, difference error) {
	err := r.read(raw)
	if err != nil {
		var failure *native.Error
		if !errors.As(err, &failure) {
			return false, fmt.Errorf("error of an unknown kind: %w", err)
		}
		switch failure.Status {
		case native.StatusInternal, native.StatusOutOfMemory, native.StatusInvalidArgument:
			return false, fmt.Errorf("unexpected %s: %w", failure.Status, err)
		}
		return false, nil
	}
	if problem := ambiguity(raw); problem != "" {
		return true, fmt.Errorf("accepted, though %s", problem)
	}
	var index ocispec.Index
	if err := json.Unmarshal(raw, &index); err != nil {
		return true, fmt.Errorf("accepted, though Go cannot read it: %w", err)
	}
	return true, r.compareEntries(index)
}

func (r *reader) compareEntries(index ocispec.Index) error {
	notes, err := r.walk.Notes()
	if err != nil {
		return err
	}
	if len(notes) != len(index.Manifests) {
		return fmt.Errorf("refract sees %d entries, Go %d", len(notes), len(index.Manifests))
	}
	for i, note := range notes {
		if note.Digest != index.Manifests[i].Digest {
			return fmt.Errorf("manifests[%d]: refract reads digest %q, Go %q", i, note.Digest, index.Manifests[i].Digest)
		}
	}
	references, err := r.walk.References()
	if err != nil {
		return err
	}
	for _, reference := range references.List {
		entry := index.Manifests[reference.Place.Position]
		if reference.Sources&native.SourceAnnotation != 0 {
			if entry.Annotations[reference.Annotation] != reference.Value {
				return fmt.Errorf("manifests[%d]: annotation %q: refract reads %q, Go %q", reference.Place.Position,
					reference.Annotation, reference.Value, entry.Annotations[reference.Annotation])
			}
			continue
		}
		if err := sameDescriptor(reference.Descriptor, entry); err != nil {
			return fmt.Errorf("manifests[%d]: %w", reference.Place.Position, err)
		}
		if err := sameReference(reference, entry); err != nil {
			return fmt.Errorf("manifests[%d]: %w", reference.Place.Position, err)
		}
	}
	return sameImages(references.Tree, index.Manifests)
}

// sameImages looks for the images and indexes of the tree among Go's entries, in the same order.
func sameImages(tree []native.Node, entries []ocispec.Descriptor) error {
	next := 0
	for _, node := range tree[1:] {
		if node.Depth != 1 || (node.Kind != native.NodeImage && node.Kind != native.NodeIndex) {
			continue
		}
		at := slices.IndexFunc(entries[next:], func(entry ocispec.Descriptor) bool { return sameDescriptor(node.Descriptor, entry) == nil })
		if at < 0 {
			return fmt.Errorf("refract reads %+v, which Go does not see from manifests[%d] on", node.Descriptor, next)
		}
		next += at + 1
	}
	return nil
}

func sameDescriptor(ours, theirs ocispec.Descriptor) error {
	if ours.MediaType != theirs.MediaType || ours.Digest != theirs.Digest || ours.Size != theirs.Size || ours.ArtifactType != theirs.ArtifactType {
		return fmt.Errorf("refract reads %+v, Go %+v", ours, theirs)
	}
	a, b := ours.Platform, theirs.Platform
	if (a == nil) != (b == nil) {
		return fmt.Errorf("refract reads platform %v, Go %v", a, b)
	}
	if a == nil {
		return nil
	}
	if a.OS != b.OS || a.Architecture != b.Architecture || a.Variant != b.Variant || a.OSVersion != b.OSVersion || !slices.Equal(a.OSFeatures, b.OSFeatures) {
		return fmt.Errorf("refract reads platform %+v, Go %+v", *a, *b)
	}
	return nil
}

// sameReference compares what annotations say.
func sameReference(reference native.Reference, entry ocispec.Descriptor) error {
	if _, marked := entry.Annotations[referenceDigest]; !marked && entry.Annotations[referenceType] == "" {
		return nil
	}
	if wanted := entry.Annotations[referenceType]; wanted != "" && reference.Type != wanted {
		return fmt.Errorf("refract reads reference type %q, Go %q", reference.Type, wanted)
	}
	// What an entry leaves out may come from another that tells of the same reference.
	if wanted := entry.Annotations[referenceDescription]; wanted != "" && reference.Description != wanted {
		return fmt.Errorf("refract reads description %q, Go %q", reference.Description, wanted)
	}
	wanted := entry.Annotations[referenceDigest]
	if wanted != "" && reference.Subject.String() != wanted && reference.Malformed == "" {
		return fmt.Errorf("refract reads subject %q, Go %q", reference.Subject, wanted)
	}
	return nil
}

// What real indexes are, from every case there is.
func TestTestdata(t *testing.T) {
	t.Parallel()
	reader := newReader(t)
	seen, accepted := 0, 0
	for _, raw := range documents(t) {
		seen++
		good, err := reader.compare(raw)
		if err != nil {
			t.Errorf("%v\n%s", err, raw)
		}
		if good {
			accepted++
		}
	}
	t.Logf("%d documents of tests/testdata, %d of them indexes that refract accepts", seen, accepted)
	if accepted < 20 {
		t.Errorf("only %d documents were accepted: this compares nothing", accepted)
	}
}

func documents(t testing.TB) [][]byte {
	t.Helper()
	var all [][]byte
	err := filepath.WalkDir("../testdata", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.Contains(path, "/blobs/") {
			return err
		}
		raw, err := os.ReadFile(path)
		all = append(all, raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Documents made at random: mostly well-formed, with what Go and others read differently strewn in.
func TestRandomDocuments(t *testing.T) {
	t.Parallel()
	reader := newReader(t)
	writer := &writer{random: rand.New(rand.NewPCG(7, 8))} //nolint:gosec // a fixed seed, so that a failure can be had again
	const rounds = 60000
	accepted, ambiguous, entries := 0, 0, 0
	for range rounds {
		raw := writer.index()
		good, err := reader.compare(raw)
		if err != nil {
			t.Fatalf("%v\n%s", err, raw)
		}
		if good {
			accepted++
			entries += bytes.Count(raw, []byte(`size`))
		} else if json.Valid(raw) && ambiguity(raw) != "" {
			ambiguous++
		}
	}
	t.Logf("%d documents: %d accepted and read alike (some %d entries), %d ambiguous ones refused", rounds, accepted, entries, ambiguous)
	if accepted < rounds/10 || ambiguous < rounds/20 {
		t.Errorf("%d accepted, %d ambiguous: too few to compare anything", accepted, ambiguous)
	}
}

// Manifests, likewise.
func TestManifests(t *testing.T) {
	t.Parallel()
	accepted := 0
	for _, raw := range documents(t) {
		manifest, err := native.ReadManifest(digest.FromBytes(raw).String(), raw)
		if err != nil {
			continue
		}
		accepted++
		if problem := ambiguity(raw); problem != "" {
			t.Errorf("accepted, though %s\n%s", problem, raw)
		}
		var theirs ocispec.Manifest
		if err := json.Unmarshal(raw, &theirs); err != nil {
			t.Errorf("accepted, though Go cannot read it: %v\n%s", err, raw)
			continue
		}
		if err := sameManifest(manifest, theirs); err != nil {
			t.Errorf("%v\n%s", err, raw)
		}
	}
	t.Logf("%d manifests of tests/testdata read alike", accepted)
	if accepted < 20 {
		t.Errorf("only %d manifests were accepted: this compares nothing", accepted)
	}
}

func FuzzIndex(f *testing.F) {
	writer := &writer{random: rand.New(rand.NewPCG(9, 10))} //nolint:gosec // seeds of a fuzzer
	for range 50 {
		f.Add(writer.index())
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := newReader(t).compare(raw); err != nil {
			t.Errorf("%v\n%s", err, raw)
		}
	})
}

func sameManifest(ours *native.Manifest, theirs ocispec.Manifest) error {
	if ours.MediaType != theirs.MediaType || ours.ArtifactType != theirs.ArtifactType || len(ours.Layers) != len(theirs.Layers) {
		return fmt.Errorf("refract reads %+v, Go %+v", *ours, theirs)
	}
	if theirs.Subject != nil && ours.Subject != theirs.Subject.Digest {
		return fmt.Errorf("refract reads subject %q, Go %q", ours.Subject, theirs.Subject.Digest)
	}
	theirs.Config.Platform = nil // refract does not look at a platform there
	if err := sameDescriptor(ours.Config, theirs.Config); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	for i, layer := range theirs.Layers {
		layer.Platform = nil
		if err := sameDescriptor(ours.Layers[i], layer); err != nil {
			return fmt.Errorf("layers[%d]: %w", i, err)
		}
	}
	return nil
}
