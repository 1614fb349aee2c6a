// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package references_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/references"
	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

// onNode attaches things to an image and puts everything that belongs to the last of them on a node.
func onNode(t *testing.T, attach func(shapes.Shape) ocispec.Descriptor) (context.Context, *node.Node, shapes.Shape, references.Reference) {
	t.Helper()
	shape := shapes.ByName("multi-platform")
	before := map[digest.Digest]bool{}
	for d := range shape.Blobs {
		before[d] = true
	}
	entry := attach(shape)
	ctx, here := node.New(t)
	for d, raw := range shape.Blobs {
		if !before[d] {
			write(ctx, t, here, "application/octet-stream", raw)
		}
	}
	image := record(ctx, t, here, node.Attach(t, shape, node.About(entry, shape.Selected, "thing")))
	return ctx, here, shape, ofDigest(t, list(ctx, t, here, image), entry.Digest)
}

func TestOpenReadsLayersAndTitlesAndTheManifestsExactBytes(t *testing.T) {
	pieces := []node.Piece{
		{MediaType: "text/plain", Title: "one.txt", Content: []byte("first")},
		{MediaType: "text/plain", Content: []byte("second")},
		{MediaType: "application/json", Title: "../../etc/passwd", Content: []byte("third")},
	}
	ctx, here, shape, reference := onNode(t, func(shape shapes.Shape) ocispec.Descriptor { return node.Artifact(t, shape, "x/y", pieces...) })
	opened, err := references.Open(ctx, here.Content, reference)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(opened.Manifest, shape.Blobs[reference.Descriptor.Digest]) {
		t.Errorf("manifest %s", opened.Manifest)
	}
	if len(opened.Layers) != len(pieces) {
		t.Fatalf("layers %v", opened.Layers)
	}
	for i, piece := range pieces {
		var written bytes.Buffer
		if err := opened.Layers[i].Write(ctx, here.Content, &written); err != nil || !bytes.Equal(written.Bytes(), piece.Content) {
			t.Errorf("layer %d: %q, %v", i, written.Bytes(), err)
		}
		if opened.Layers[i].Title != piece.Title || opened.Layers[i].MediaType != piece.MediaType {
			t.Errorf("layer %d: %+v", i, opened.Layers[i])
		}
	}
}

func TestOpenOfWhatHasNoLayersOfItsOwn(t *testing.T) {
	t.Run("plain blob", func(t *testing.T) {
		ctx, here, _, reference := onNode(t, func(shape shapes.Shape) ocispec.Descriptor {
			return node.Blob(shape, "text/markdown", []byte("# readme"))
		})
		opened, err := references.Open(ctx, here.Content, reference)
		if err != nil || opened.Manifest != nil || len(opened.Layers) != 1 {
			t.Fatalf("opened %+v, %v", opened, err)
		}
		var written bytes.Buffer
		if err := opened.Layers[0].Write(ctx, here.Content, &written); err != nil || written.String() != "# readme" {
			t.Errorf("wrote %q, %v", &written, err)
		}
	})
	t.Run("index", func(t *testing.T) {
		const text = `{"schemaVersion":2,"manifests":[] }`
		ctx, here, _, reference := onNode(t, func(shape shapes.Shape) ocispec.Descriptor {
			return node.Blob(shape, ocispec.MediaTypeImageIndex, []byte(text))
		})
		opened, err := references.Open(ctx, here.Content, reference)
		if err != nil || string(opened.Manifest) != text || len(opened.Layers) != 0 {
			t.Fatalf("opened %+v, %v", opened, err)
		}
	})
	t.Run("annotation", func(t *testing.T) {
		ctx, here := node.New(t)
		for _, value := range []string{"MEUCIQ==", ""} {
			reference := references.Reference{Reference: native.Reference{Annotation: "dev.sigstore.cosign/bundle.1", Value: value}}
			opened, err := references.Open(ctx, here.Content, reference)
			if err != nil || len(opened.Layers) != 1 || opened.Layers[0].Size != int64(len(value)) {
				t.Fatalf("opened %+v, %v", opened, err)
			}
			var written bytes.Buffer
			if err := opened.Layers[0].Write(ctx, here.Content, &written); err != nil || written.String() != value {
				t.Errorf("wrote %q, %v", &written, err)
			}
		}
	})
}

// What a disk or a registry made of content is never handed on as if it were that.
func TestOpenAndWriteRefuseOtherBytes(t *testing.T) {
	const content = "a payload"
	artifact := func(shape shapes.Shape) ocispec.Descriptor {
		return node.Artifact(t, shape, "x/y", node.Piece{MediaType: "text/plain", Content: []byte(content)})
	}
	index := func(shape shapes.Shape) ocispec.Descriptor {
		return node.Blob(shape, ocispec.MediaTypeImageIndex, []byte(`{"schemaVersion":2,"manifests":[]}`))
	}
	layer := digest.FromString(content)
	cases := []struct {
		name   string
		attach func(shapes.Shape) ocispec.Descriptor
		of     digest.Digest // of the spoiled content; empty: the reference's own
		bytes  func(was []byte) []byte
		words  string
	}{
		{"manifest changed", artifact, "", func(was []byte) []byte { return bytes.Replace(was, []byte("x/y"), []byte("x/z"), 1) }, "digest"},
		{"manifest cut", artifact, "", func(was []byte) []byte { return was[:len(was)-1] }, "digest"},
		{"manifest goes on", artifact, "", func(was []byte) []byte { return append(slices.Clone(was), ' ') }, "digest"},
		{"index changed", index, "", func(was []byte) []byte { return bytes.Replace(was, []byte("2"), []byte("3"), 1) }, "digest"},
		{"layer changed", artifact, layer, func([]byte) []byte { return []byte("A payload") }, "digest mismatch"},
		{"layer cut", artifact, layer, func([]byte) []byte { return []byte("a pay") }, "size mismatch"},
		{"layer goes on", artifact, layer, func([]byte) []byte { return []byte(content + content) }, "size mismatch"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ctx, here, shape, reference := onNode(t, c.attach)
			of := c.of
			if of == "" {
				of = reference.Descriptor.Digest
			}
			here.Spoil(t, of, c.bytes(shape.Blobs[of]))
			opened, err := references.Open(ctx, here.Content, reference)
			if err == nil && len(opened.Layers) > 0 {
				err = opened.Layers[0].Write(ctx, here.Content, &bytes.Buffer{})
			}
			if !errdefs.IsDataLoss(err) || !strings.Contains(err.Error(), c.words) || !strings.Contains(err.Error(), of.String()) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestOpenOfWhatIsNotHereOrCannotBeChecked(t *testing.T) {
	ctx, here := node.New(t)
	described := func(mediaType string, d digest.Digest) references.Reference {
		return references.Reference{Reference: native.Reference{Descriptor: native.Descriptor{MediaType: mediaType, Digest: d, Size: 4}}}
	}
	gone := digest.FromString("gone")
	for _, mediaType := range []string{ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex} {
		if _, err := references.Open(ctx, here.Content, described(mediaType, gone)); !errdefs.IsNotFound(err) || !strings.Contains(err.Error(), gone.String()) {
			t.Errorf("%s: %v", mediaType, err)
		}
	}
	opened, err := references.Open(ctx, here.Content, described("text/plain", gone))
	if err != nil {
		t.Fatal(err)
	}
	if err := opened.Layers[0].Write(ctx, here.Content, &bytes.Buffer{}); !errdefs.IsNotFound(err) {
		t.Errorf("a blob that is gone: %v", err)
	}
	for _, bad := range []digest.Digest{"blake3:" + digest.Digest(strings.Repeat("ab", 32)), "sha256:../../etc/passwd", "sha256:", "x"} {
		if _, err := references.Open(ctx, here.Content, described(ocispec.MediaTypeImageManifest, bad)); !errdefs.IsNotImplemented(err) {
			t.Errorf("%q: %v", bad, err)
		}
		layer := references.Layer{Descriptor: ocispec.Descriptor{Digest: bad, Size: 4}}
		if err := layer.Write(ctx, here.Content, &bytes.Buffer{}); !errdefs.IsInvalidArgument(err) {
			t.Errorf("layer %q: %v", bad, err)
		}
	}
}

func TestLayerByNumberOrDigest(t *testing.T) {
	layer := func(d digest.Digest, title string) references.Layer {
		return references.Layer{Descriptor: ocispec.Descriptor{Digest: d}, Title: title}
	}
	artifact := &references.Artifact{Layers: []references.Layer{
		layer("sha256:7aa0", "zero"), layer("sha256:7ab0", "one"), layer("sha256:7aa0", "two"), layer("sha512:1234567890", "three"),
	}}
	cases := []struct {
		name, want string
		kind       func(error) bool
	}{
		{name: "0", want: "zero"},
		{name: "1", want: "one"},
		{name: "2", want: "two"},
		{name: "sha256:7ab0", want: "one"},
		{name: "7ab", want: "one"},
		{name: "sha512:", want: "three"},
		// The same content twice is one answer.
		{name: "7aa", want: "zero"},
		{name: "7a", kind: errdefs.IsInvalidArgument},
		{name: "sha", kind: errdefs.IsInvalidArgument},
		{name: "4", kind: errdefs.IsNotFound},
		{name: "-1", kind: errdefs.IsNotFound},
		// A number too high is not the layer whose digest happens to begin so.
		{name: "7", kind: errdefs.IsNotFound},
		{name: "12345", kind: errdefs.IsNotFound},
		{name: "1234567890", want: "three"},
	}
	for _, c := range cases {
		got, err := artifact.Layer(c.name)
		if c.kind == nil && (err != nil || got.Title != c.want) || c.kind != nil && !c.kind(err) {
			t.Errorf("layer %q: %q, %v", c.name, got.Title, err)
		}
	}
}
