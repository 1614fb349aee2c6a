// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	imageType = "application/vnd.oci.image.config.v1+json"
	sbomType  = "application/spdx+json"
	payload   = `{"spdxVersion":"SPDX-2.3"}`
)

// content is a repository "app": an index under the tag v1, an image, and an SBOM that the index attaches to the image.
type content struct {
	documents map[string][]byte // manifests and indexes, by tag and by digest
	blobs     map[string][]byte
	image     ocispec.Descriptor
	sbom      ocispec.Descriptor
	blob      ocispec.Descriptor // the SBOM's own bytes
	index     []byte
}

func encode(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // only what a test wrote can do that
	}
	return text
}

func describe(mediaType string, bytes []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(bytes), Size: int64(len(bytes))}
}

// newContent has the change made to the SBOM's layer before it is written down.
func newContent(change ...func(layer *ocispec.Descriptor)) *content {
	c := &content{documents: map[string][]byte{}, blobs: map[string][]byte{}}
	c.image = c.manifest(imageType, "", c.add(imageType, []byte(`{"os":"linux","architecture":"amd64"}`)))
	c.image.Platform = &ocispec.Platform{OS: "linux", Architecture: "amd64"}
	c.blob = c.add(sbomType, []byte(payload))
	layer := c.blob
	for _, one := range change {
		one(&layer)
	}
	c.sbom = c.manifest(ocispec.MediaTypeEmptyJSON, sbomType, layer)
	c.sbom.Annotations = map[string]string{
		"org.opencontainers.reference.digest": c.image.Digest.String(), "org.opencontainers.reference.type": "sbom",
	}
	c.root(c.image, c.sbom)
	return c
}

func (c *content) add(mediaType string, bytes []byte) ocispec.Descriptor {
	described := describe(mediaType, bytes)
	c.blobs[described.Digest.String()] = bytes
	return described
}

func (c *content) manifest(configType, artifactType string, layers ...ocispec.Descriptor) ocispec.Descriptor {
	config := c.add(configType, []byte("{}"))
	bytes := encode(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: artifactType,
		Config: config, Layers: layers,
	})
	described := describe(ocispec.MediaTypeImageManifest, bytes)
	described.ArtifactType = artifactType
	c.documents[described.Digest.String()] = bytes
	return described
}

func indexOf(entries ...ocispec.Descriptor) []byte {
	return encode(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: append([]ocispec.Descriptor{}, entries...),
	})
}

func (c *content) root(entries ...ocispec.Descriptor) {
	c.index = indexOf(entries...)
	c.documents["v1"] = c.index
}

// serve answers as a registry should.
func (c *content) serve(w http.ResponseWriter, r *http.Request) {
	kind, reference, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/app/"), "/")
	bytes, found := c.documents[reference]
	if kind == "blobs" {
		bytes, found = c.blobs[reference]
	}
	if !found || (kind != "manifests" && kind != "blobs") {
		http.Error(w, `{"errors":[{"code":"UNKNOWN"}]}`, http.StatusNotFound)
		return
	}
	send(w, bytes)
}

func send(w http.ResponseWriter, bytes []byte) {
	w.Header().Set("Content-Length", fmt.Sprint(len(bytes)))
	_, _ = w.Write(bytes) // who went away does not want it
}

// isFor tells whether a request is for that kind of thing.
func isFor(r *http.Request, kind string) bool { return strings.Contains(r.URL.Path, "/"+kind+"/") }

// instead answers requests for one kind of thing in another way.
func (c *content) instead(kind string, other http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if isFor(r, kind) {
			other(w, r)
			return
		}
		c.serve(w, r)
	}
}

// get asks for the SBOM: one index, one manifest, one blob. Nobody waits longer than a second.
func get(s *site, flags ...string) command {
	return asking(s, append([]string{"references", "get", "--source", "index"}, flags...)...)
}

// inspect asks for the tag alone.
func inspect(s *site, flags ...string) command {
	return asking(s, append([]string{"inspect", "--source", "index"}, flags...)...)
}

func asking(s *site, words ...string) command {
	arguments := append(words, "--timeout", "1", s.host()+"/app:v1")
	if s.server.TLS == nil {
		arguments = append(arguments, "--plain-http")
	}
	return command{arguments: arguments}
}

// TestHonest: what the other tests change works as it is.
func TestHonest(t *testing.T) {
	for name, tls := range map[string]bool{"without TLS": false, "with TLS": true} {
		t.Run(name, func(t *testing.T) {
			s := listen(t, tls, newContent().serve)
			got := get(s).run(t)
			got.succeeds(t)
			if got.stdout != payload {
				t.Errorf("it prints %q", got.stdout)
			}
			inspect(s).run(t).succeeds(t)
		})
	}
}
