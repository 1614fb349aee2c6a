// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/transfer"
	nodes "github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

// servedAs serves a shape whose root has another content type; none if it is empty. Under blobs the root is not found.
func servedAs(t *testing.T, shape shapes.Shape, mediaType string) *fakeRegistry {
	t.Helper()
	shape.MediaTypes = maps.Clone(shape.MediaTypes)
	shape.MediaTypes[shape.Root.Digest] = mediaType
	return serve(t, shape, func(w http.ResponseWriter, r *http.Request) bool {
		w.Header()["Content-Type"] = nil // else Go guesses
		if strings.HasSuffix(r.URL.Path, "/blobs/"+shape.Root.Digest.String()) {
			w.WriteHeader(http.StatusNotFound)
			return true
		}
		return false
	})
}

// A root is what its bytes are, whatever it was served as: it is pulled as ever, its record has the right media type, and nothing
// is asked for besides.
func TestRootIsWhatItsBytesAre(t *testing.T) {
	types := []string{
		"application/json", "text/plain", "application/octet-stream", "", ocispec.MediaTypeImageIndex, ocispec.MediaTypeImageManifest,
		images.MediaTypeDockerSchema2ManifestList, images.MediaTypeDockerSchema2Manifest,
	}
	for _, name := range []string{"artifact-first-same-platform", "multi-platform", "nested", "single-manifest", "single-docker-manifest"} {
		shape := shapes.ByName(name)
		for _, way := range []string{"transfer", "client"} {
			want := ""
			asked := 0
			for _, mediaType := range append([]string{shape.Root.MediaType}, types...) {
				ctx, node := newNode(t)
				registry := servedAs(t, shape, mediaType)
				image := registry.name(":latest")
				err := node.pull(ctx, image, policy.Default())
				if way == "client" {
					err = node.clientPull(ctx, t, image, policy.Default())
				}
				if err != nil {
					t.Errorf("%s, %s, served as %q: %v", name, way, mediaType, err)
					continue
				}
				node.collect(ctx, t)
				target := node.get(ctx, t, image).Target
				if want == "" {
					want, asked = target.MediaType, registry.asked("")
				}
				if target.MediaType != want || registry.asked("") > asked {
					t.Errorf("%s, %s, served as %q: recorded as %s, want %s; %d requests, want %d: %q",
						name, way, mediaType, target.MediaType, want, registry.asked(""), asked, registry.requests)
				}
				available, _, _, missing, err := images.Check(ctx, node.db.ContentStore(), target, platforms.Only(amd64))
				if err != nil || !available || len(missing) > 0 {
					t.Errorf("%s, %s, served as %q: missing %v, %v", name, way, mediaType, missing, err)
				}
				if name == "artifact-first-same-platform" && node.has(ctx, shape.References[0]) {
					t.Errorf("%s, served as %q: the artifact was pulled", way, mediaType)
				}
			}
		}
	}
}

// A single manifest that refract would refuse inside of an index is containerd's business, as ever.
func TestSingleManifestIsNotJudged(t *testing.T) {
	shape := shapes.ByName("single-manifest")
	raw := []byte(strings.Replace(string(shape.Blobs[shape.Root.Digest]), "{", `{"schemaVersion":2,`, 1))
	shape.Blobs, shape.MediaTypes = maps.Clone(shape.Blobs), maps.Clone(shape.MediaTypes)
	shape.Root = nodes.Blob(shape, shape.Root.MediaType, raw)
	shape.MediaTypes[shape.Root.Digest] = shape.Root.MediaType
	for _, way := range []string{"transfer", "client"} {
		ctx, node := newNode(t)
		image := serve(t, shape, nil).name(":latest")
		err := node.pull(ctx, image, policy.Default())
		if way == "client" {
			_, err = node.client(t).Pull(ctx, image, containerd.WithResolver(newResolver()), containerd.WithPlatform("linux/amd64"),
				transfer.WithExtendedIndexes(policy.Default()))
		}
		if err != nil || node.get(ctx, t, image).Target.Digest != shape.Root.Digest {
			t.Errorf("%s: %v", way, err)
		}
	}
}

// What is neither is left to containerd, which takes anything.
func TestRootThatIsNoDocument(t *testing.T) {
	shape := shapes.Shape{Name: "no-document", Blobs: map[digest.Digest][]byte{}, MediaTypes: map[digest.Digest]string{}}
	shape.Root = nodes.Blob(shape, "application/json", []byte(`{"hello":"world"}`))
	shape.MediaTypes[shape.Root.Digest] = shape.Root.MediaType
	ctx, ours := newNode(t)
	_, stock := newNode(t)
	image := serve(t, shape, nil).name(":latest")
	err, want := ours.pull(ctx, image, policy.Default()), stock.pullWith(ctx, stock.stock, image)
	if (err == nil) != (want == nil) {
		t.Errorf("%v, containerd alone %v", err, want)
	}
	if all := slices.Collect(maps.Keys(shape.Blobs)); err == nil && !ours.has(ctx, all[0]) {
		t.Error("it is not there")
	}
}
