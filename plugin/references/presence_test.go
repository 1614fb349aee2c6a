// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package references_test

import (
	"context"
	"encoding/json"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/references"
	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

// An artifact is here when the last of its pieces is, and not when any of them goes.
func TestPresentMeansWithEveryBlob(t *testing.T) {
	shape := shapes.ByName("multi-platform")
	sbom := node.About(node.Artifact(t, shape, "application/spdx+json",
		node.Piece{MediaType: "application/spdx+json", Content: []byte("one")},
		node.Piece{MediaType: "application/spdx+json", Content: []byte("two")}), shape.Selected, "sbom")
	shape = node.Attach(t, shape, sbom)
	ctx, here := node.New(t)
	image := record(ctx, t, here, shape)
	present := func() native.Answer { return ofDigest(t, list(ctx, t, here, image), sbom.Digest).Present }
	all := parts(t, shape, sbom.Digest)
	for _, part := range all {
		if got := present(); got != native.No {
			t.Errorf("before %s: present is %s", part, got)
		}
		write(ctx, t, here, "application/octet-stream", shape.Blobs[part])
	}
	if got := present(); got != native.Yes {
		t.Errorf("with all of it: present is %s", got)
	}
	for _, part := range all {
		here.Drop(ctx, t, part)
		if got := present(); got != native.No {
			t.Errorf("without %s: present is %s", part, got)
		}
		write(ctx, t, here, "application/octet-stream", shape.Blobs[part])
	}
}

func TestPresenceOfWhatCannotBeReadIsUnknown(t *testing.T) {
	shape := shapes.ByName("multi-platform")
	good := node.Artifact(t, shape, "application/spdx+json", node.Piece{MediaType: "text/plain", Content: []byte("sbom")})
	manifest := func(text string) ocispec.Descriptor {
		return node.Blob(shape, ocispec.MediaTypeImageManifest, []byte(text))
	}
	longer := good
	longer.Size++
	cases := []struct {
		name  string
		entry ocispec.Descriptor
		want  native.Answer
	}{
		{"right", good, native.Yes},
		{"another size", longer, native.Unknown},
		{"no JSON", manifest("manifest"), native.Unknown},
		{"a key twice", manifest(`{"schemaVersion":2,"schemaVersion":2,"layers":[]}`), native.Unknown},
		{"an index that calls itself a manifest", manifest(`{"schemaVersion":2,"manifests":[]}`), native.Unknown},
		{"a plain blob", node.Blob(shape, "text/plain", []byte("readme")), native.Yes},
		{"an index, whatever it lists", node.Blob(shape, ocispec.MediaTypeImageIndex, []byte(`{"schemaVersion":2,"manifests":[]}`)), native.Yes},
		{"an unknown algorithm", ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: "blake3:" + digest.Digest(digest.FromString("x").Encoded()), Size: 1}, native.No},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ctx, here := node.New(t)
			changed := node.Attach(t, shape, node.About(c.entry, shape.Selected, "thing"))
			image := record(ctx, t, here, changed)
			for d, raw := range shape.Blobs {
				if _, document := shape.MediaTypes[d]; document || len(raw) < 1<<10 {
					write(ctx, t, here, "application/octet-stream", raw)
				}
			}
			if got := ofDigest(t, list(ctx, t, here, image), c.entry.Digest).Present; got != c.want {
				t.Errorf("present is %s, want %s", got, c.want)
			}
		})
	}
}

// Bytes that a disk changed are not what the descriptor names.
func TestPresenceOfASpoiledManifestIsUnknown(t *testing.T) {
	shape := shapes.ByName("images-first")
	ctx, here := node.New(t)
	image := record(ctx, t, here, shape)
	sbom := shape.References[0]
	for _, part := range parts(t, shape, sbom) {
		write(ctx, t, here, "application/octet-stream", shape.Blobs[part])
	}
	if got := ofDigest(t, list(ctx, t, here, image), sbom).Present; got != native.Yes {
		t.Fatalf("present is %s", got)
	}
	here.Spoil(t, sbom, make([]byte, len(shape.Blobs[sbom])))
	if got := ofDigest(t, list(ctx, t, here, image), sbom).Present; got != native.Unknown {
		t.Errorf("present is %s", got)
	}
}

// counting is a store that counts how often it is read from, and asked.
type counting struct {
	content.Store
	reads, asked atomic.Int64
}

func (c *counting) Info(ctx context.Context, d digest.Digest) (content.Info, error) {
	c.asked.Add(1)
	return c.Store.Info(ctx, d)
}

func (c *counting) ReaderAt(ctx context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	c.reads.Add(1)
	return c.Store.ReaderAt(ctx, desc)
}

// One artifact may be named by thousands of references: it is looked at once.
func TestPresenceIsLookedForOnce(t *testing.T) {
	shape := shapes.ByName("multi-platform")
	artifact := node.Artifact(t, shape, "application/spdx+json", node.Piece{MediaType: "text/plain", Content: []byte("sbom")})
	var entries []ocispec.Descriptor
	for i := range 500 {
		entries = append(entries, node.About(artifact, digest.FromString(strconv.Itoa(i)), "sbom"))
	}
	shape = node.Attach(t, shape, entries...)
	ctx, here := node.New(t)
	image := record(ctx, t, here, shape)
	for _, part := range parts(t, shape, artifact.Digest) {
		write(ctx, t, here, "application/octet-stream", shape.Blobs[part])
	}
	store := &counting{Store: here.Content}
	listing, err := references.List(ctx, store, image)
	if err != nil {
		t.Fatal(err)
	}
	if len(listing.References) != 500 {
		t.Fatalf("%d references", len(listing.References))
	}
	for _, reference := range listing.References {
		if reference.Present != native.Yes {
			t.Fatalf("present is %s", reference.Present)
		}
	}
	if reads := store.reads.Load(); reads > 20 {
		t.Errorf("%d reads", reads)
	}
}

// chain makes so many indexes, each of which names all that were made before it.
func chain(t testing.TB, shape shapes.Shape, count int) []ocispec.Descriptor {
	t.Helper()
	var made []ocispec.Descriptor
	for range count {
		raw, err := json.Marshal(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: made})
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, node.Blob(shape, ocispec.MediaTypeImageIndex, raw))
	}
	return made
}

// Artifacts may consist of one another: however many of them lead to a document, it is looked at once.
func TestPresenceOfWhatReferencesShareIsLookedForOnce(t *testing.T) {
	const count = 217
	for _, missing := range []bool{false, true} {
		shape := shapes.ByName("multi-platform")
		all := chain(t, shape, count)
		var entries []ocispec.Descriptor
		for _, one := range all {
			entries = append(entries, node.About(one, shape.Selected, "sbom"))
		}
		shape = node.Attach(t, shape, entries...)
		ctx, here := node.New(t)
		image := record(ctx, t, here, shape)
		for number, one := range all {
			if number > 0 || !missing {
				write(ctx, t, here, "application/octet-stream", shape.Blobs[one.Digest])
			}
		}
		store := &counting{Store: here.Content}
		listing, err := references.List(ctx, store, image)
		if err != nil {
			t.Fatal(err)
		}
		want := native.Yes
		if missing {
			want = native.No // of all: the first is a part of each
		}
		for _, reference := range listing.References {
			if reference.Present != want {
				t.Fatalf("present is %s, want %s", reference.Present, want)
			}
		}
		if reads, asked := store.reads.Load(), store.asked.Load(); len(listing.References) != count || reads > 2*count || asked > 3*count {
			// A document is asked for once for this, and once for what else may be about it.
			t.Errorf("%d references, %d reads and %d questions for %d documents", len(listing.References), reads, asked, count)
		}
	}
}
