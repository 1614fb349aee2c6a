// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package service_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc/codes"

	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

// layers are what an artifact of these tests consists of: the second one is more than a message holds.
var layers = []node.Piece{
	{MediaType: "text/plain", Title: "one.txt", Content: []byte("first")},
	{MediaType: "application/json", Title: "../../etc/passwd", Content: bytes.Repeat([]byte("0123456789abcdef"), 50_000)},
}

// attached makes a place whose image has a single reference with those layers, all of it on the node.
func attached(t *testing.T, pieces ...node.Piece) (*place, shapes.Shape, string, ocispec.Descriptor) {
	t.Helper()
	p := newPlace(t)
	shape := shapes.ByName("multi-platform")
	before := map[digest.Digest]bool{}
	for d := range shape.Blobs {
		before[d] = true
	}
	entry := node.Artifact(t, shape, "application/x", pieces...)
	for d := range shape.Blobs {
		if !before[d] {
			p.put(shape, d)
		}
	}
	shape = node.Attach(t, shape, node.About(entry, shape.Selected, "sbom"))
	return p, shape, p.record("127.0.0.1:1/one:latest", shape).Name, entry
}

// get is what Get sends: the header, and the bytes.
func (p *place) get(request *refractv1.GetRequest) (*refractv1.Content, []byte, error) {
	p.t.Helper()
	all, err := received(p.raw.Get(p.ctx, request))
	var header *refractv1.Content
	var content bytes.Buffer
	for i, message := range all {
		if i == 0 {
			header = message.GetContent()
			continue
		}
		if chunk := message.GetChunk(); len(chunk) == 0 || len(chunk) > 256<<10 {
			p.t.Errorf("message %d has %d bytes", i, len(chunk))
		}
		content.Write(message.GetChunk())
	}
	return header, content.Bytes(), err
}

func TestGetSendsLayersAndManifest(t *testing.T) {
	p, shape, image, entry := attached(t, layers...)
	manifest := shape.Blobs[entry.Digest]
	named := func(request *refractv1.GetRequest) *refractv1.GetRequest {
		request.Image = image
		return request
	}
	second := digest.FromBytes(layers[1].Content)
	for name, c := range map[string]struct {
		request *refractv1.GetRequest
		title   string
		content []byte
	}{
		"first layer":      {&refractv1.GetRequest{Content: &refractv1.GetRequest_Layer{Layer: "0"}}, "one.txt", layers[0].Content},
		"layer by digest":  {&refractv1.GetRequest{Content: &refractv1.GetRequest_Layer{Layer: second.String()}}, layers[1].Title, layers[1].Content},
		"manifest":         {&refractv1.GetRequest{Content: &refractv1.GetRequest_Manifest{Manifest: true}}, "", manifest},
		"by its digest":    {&refractv1.GetRequest{Name: entry.Digest.String(), Content: &refractv1.GetRequest_Layer{Layer: "0"}}, "one.txt", layers[0].Content},
		"by its beginning": {&refractv1.GetRequest{Name: entry.Digest.Encoded()[:12], Content: &refractv1.GetRequest_Layer{Layer: "0"}}, "one.txt", layers[0].Content},
		"by its type":      {&refractv1.GetRequest{Type: "sbom", Content: &refractv1.GetRequest_Layer{Layer: "0"}}, "one.txt", layers[0].Content},
	} {
		t.Run(name, func(t *testing.T) {
			header, content, err := p.get(named(c.request))
			if err != nil || !bytes.Equal(content, c.content) {
				t.Fatalf("got %d bytes, %v", len(content), err)
			}
			if header.GetTitle() != c.title || header.GetReference() != entry.Digest.String() ||
				header.GetBlob().GetDigest() != digest.FromBytes(c.content).String() || header.GetBlob().GetSize() != int64(len(c.content)) {
				t.Errorf("header %v", header)
			}
		})
	}
}

func TestGetOfTheOnlyLayer(t *testing.T) {
	p, _, image, _ := attached(t, layers[1])
	if _, content, err := p.get(&refractv1.GetRequest{Image: image}); err != nil || !bytes.Equal(content, layers[1].Content) {
		t.Errorf("got %d bytes, %v", len(content), err)
	}
}

func TestGetOfAnAnnotation(t *testing.T) {
	p := newPlace(t)
	image := p.pull(shapes.ByName("inline-signatures"))
	header, content, err := p.get(&refractv1.GetRequest{Image: image.Name, Type: "bundle"})
	listing := same(t, p, image.Name)
	if err != nil || len(content) == 0 || string(content) != listing.References[1].Value {
		t.Errorf("got %q, %v", content, err)
	}
	if header.GetBlob().GetDigest() != "" || header.GetBlob().GetSize() != int64(len(content)) || header.GetReference() != "" {
		t.Errorf("header %v", header)
	}
}

func TestGetSaysWhyItSendsNothing(t *testing.T) {
	p, shape, image, entry := attached(t, layers...)
	pulled := p.pull(shapes.ByName("images-first")).Name // two references, and neither is here
	single := p.pull(shapes.ByName("single-manifest")).Name
	for name, c := range map[string]struct {
		request *refractv1.GetRequest
		code    codes.Code
	}{
		"no image named":     {&refractv1.GetRequest{}, codes.InvalidArgument},
		"no such image":      {&refractv1.GetRequest{Image: "127.0.0.1:1/absent:latest"}, codes.NotFound},
		"no index":           {&refractv1.GetRequest{Image: single}, codes.NotFound},
		"no such reference":  {&refractv1.GetRequest{Image: image, Name: "sha256:ffff"}, codes.NotFound},
		"no such type":       {&refractv1.GetRequest{Image: image, Type: "SBOM"}, codes.NotFound},
		"several references": {&refractv1.GetRequest{Image: pulled}, codes.FailedPrecondition},
		"not on the node":    {&refractv1.GetRequest{Image: pulled, Type: "sbom"}, codes.NotFound},
		"several layers":     {&refractv1.GetRequest{Image: image}, codes.FailedPrecondition},
		"no such layer":      {&refractv1.GetRequest{Image: image, Content: &refractv1.GetRequest_Layer{Layer: "2"}}, codes.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			_, content, err := p.get(c.request)
			wantCode(t, err, c.code)
			if len(content) != 0 {
				t.Errorf("sent %d bytes", len(content))
			}
		})
	}
	t.Run("what to do about what is not on the node", func(t *testing.T) {
		_, _, err := p.get(&refractv1.GetRequest{Image: pulled, Type: "sbom"})
		if err == nil || !strings.Contains(err.Error(), "references fetch") || !strings.Contains(err.Error(), pulled) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("layer that is gone", func(t *testing.T) {
		p.Drop(p.ctx, t, digest.FromBytes(layers[0].Content))
		_, content, err := p.get(&refractv1.GetRequest{Image: image, Content: &refractv1.GetRequest_Layer{Layer: "0"}})
		wantCode(t, err, codes.NotFound)
		if len(content) != 0 {
			t.Errorf("sent %d bytes", len(content))
		}
	})
	t.Run("spoiled layer", func(t *testing.T) {
		p.Spoil(t, digest.FromBytes(layers[1].Content), make([]byte, len(layers[1].Content)))
		_, _, err := p.get(&refractv1.GetRequest{Image: image, Content: &refractv1.GetRequest_Layer{Layer: "1"}})
		wantCode(t, err, codes.DataLoss)
	})
	t.Run("spoiled manifest", func(t *testing.T) {
		p.Spoil(t, entry.Digest, make([]byte, len(shape.Blobs[entry.Digest])))
		_, _, err := p.get(&refractv1.GetRequest{Image: image, Content: &refractv1.GetRequest_Manifest{Manifest: true}})
		wantCode(t, err, codes.DataLoss)
	})
}

func TestGetOfTheManifestOfWhatHasNone(t *testing.T) {
	p := newPlace(t)
	image := p.pull(shapes.ByName("inline-signatures"))
	_, _, err := p.get(&refractv1.GetRequest{Image: image.Name, Type: "bundle", Content: &refractv1.GetRequest_Manifest{Manifest: true}})
	wantCode(t, err, codes.FailedPrecondition)
}
