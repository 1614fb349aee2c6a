// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/references"
	"github.com/refract-oci/refract/plugin/transfer"
	"github.com/refract-oci/refract/tests/shapes"
)

func (n *node) clientPull(ctx context.Context, t *testing.T, name string, p policy.Policy) error {
	t.Helper()
	_, err := n.client(t).Pull(ctx, name, containerd.WithResolver(newResolver()), containerd.WithPlatform("linux/amd64"),
		transfer.WithExtendedIndexes(p))
	return err
}

// Everything that a listing is made from stays as long as the image: nested indexes, and candidates that turned out to be artifacts.
func TestListingIsTheSameAfterCollection(t *testing.T) {
	for _, shape := range shapes.EndToEnd() {
		if shape.Output == "" {
			continue
		}
		for _, way := range []string{"transfer", "client"} {
			t.Run(shape.Name+"/"+way, func(t *testing.T) {
				ctx, node := newNode(t)
				name := serve(t, shape, nil).name(":latest")
				err := node.pull(ctx, name, policy.Default())
				if way == "client" {
					err = node.clientPull(ctx, t, name, policy.Default())
				}
				if err != nil {
					t.Fatal(err)
				}
				list := func() *references.Listing {
					listing, err := references.List(ctx, node.db.ContentStore(), node.get(ctx, t, name))
					if err != nil {
						t.Fatal(err)
					}
					return listing
				}
				before := list()
				node.collect(ctx, t)
				if after := list(); !reflect.DeepEqual(before, after) {
					t.Errorf("before: %d unread, %+v\nafter: %d unread, %+v", before.UnreadIndexes, before.References, after.UnreadIndexes, after.References)
				}
			})
		}
	}
}

// What a skipped document left behind is not in the way of the next pull.
func TestWrongBytesOfASkippedDocument(t *testing.T) {
	shape := shapes.ByName("image-without-platform-after-artifact").WithRoot(func(*ocispec.Index) {})
	var index ocispec.Index
	if err := json.Unmarshal(shape.Blobs[shape.Root.Digest], &index); err != nil {
		t.Fatal(err)
	}
	for _, entry := range index.Manifests {
		if entry.Digest != shape.Selected {
			shape.Blobs[entry.Digest] = []byte(strings.ToUpper(string(shape.Blobs[entry.Digest])))
		}
	}
	ctx, node := newNode(t)
	name := serve(t, shape, nil).name(":latest")
	for number := range 3 {
		if err := node.pull(ctx, name, policy.Default()); err != nil {
			t.Fatalf("pull %d: %v", number, err)
		}
	}
}

// A pull that finds its documents in the store holds them like one that fetches them: a collection in the middle takes nothing.
func TestCollectionDuringAPull(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	var manifest ocispec.Manifest
	if err := json.Unmarshal(shape.Blobs[shape.Selected], &manifest); err != nil {
		t.Fatal(err)
	}
	manifests := policy.Default()
	manifests.ImageTarget = policy.TargetManifest
	for _, way := range []string{"transfer", "client"} {
		t.Run(way, func(t *testing.T) {
			base, node := newNode(t)
			ctx, cancel := context.WithCancel(base)
			defer cancel()
			var asked atomic.Int64
			name := serve(t, shape, func(_ http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, manifest.Layers[0].Digest.String()) {
					return false
				}
				if asked.Add(1) == 1 {
					cancel()
					<-r.Context().Done()
					return true
				}
				node.collect(base, t)
				return false
			}).name(":latest")
			pull := func(ctx context.Context) error {
				if way == "client" {
					return node.clientPull(ctx, t, name, manifests)
				}
				return node.pull(ctx, name, manifests)
			}
			if err := pull(ctx); !errors.Is(err, context.Canceled) {
				t.Fatalf("error %v", err)
			}
			held, err := node.leases.List(base)
			if err != nil {
				t.Fatal(err)
			}
			for _, lease := range held {
				if err := node.leases.Delete(base, lease); err != nil {
					t.Fatal(err)
				}
			}
			if err := pull(base); err != nil {
				t.Fatal(err)
			}
			if _, err := references.List(base, node.db.ContentStore(), node.get(base, t, name)); err != nil {
				t.Error(err)
			}
		})
	}
}

// An attached index is fetched with what it holds, so that the image can be exported whole.
func TestAttachedIndexIsFetchedWhole(t *testing.T) {
	shape := shapes.ByName("images-first").WithRoot(func(*ocispec.Index) {})
	inner, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": ocispec.MediaTypeImageIndex,
		"manifests": []ocispec.Descriptor{{MediaType: ocispec.MediaTypeImageManifest, Digest: shape.References[0], Size: int64(len(shape.Blobs[shape.References[0]]))}},
	})
	if err != nil {
		t.Fatal(err)
	}
	attached := ocispec.Descriptor{
		MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromBytes(inner), Size: int64(len(inner)),
		Annotations: map[string]string{"org.opencontainers.reference.digest": shape.Selected.String(), "org.opencontainers.reference.type": "signatures"},
	}
	shape.Blobs[attached.Digest], shape.MediaTypes[attached.Digest] = inner, attached.MediaType
	shape = shape.WithRoot(func(index *ocispec.Index) {
		index.Manifests = slices.DeleteFunc(index.Manifests, func(d ocispec.Descriptor) bool { return d.Digest == shape.References[0] })
		index.Manifests = append(index.Manifests, attached)
	})
	ctx, node := newNode(t)
	name := serve(t, shape, nil).name(":latest")
	if err := node.pull(ctx, name, fetchAll()); err != nil {
		t.Fatal(err)
	}
	node.collect(ctx, t)
	for _, d := range append(contentOf(t, shape, shape.References[0]), attached.Digest) {
		if !node.has(ctx, d) {
			t.Errorf("%s is not there", d)
		}
	}
	if target := node.get(ctx, t, name).Target.Digest; target != shape.Root.Digest {
		t.Errorf("target %s, want the index: all of it is there", target)
	}
	if err := archive.Export(ctx, node.db.ContentStore(), io.Discard, archive.WithImage(node.images, name), archive.WithPlatform(platforms.Only(amd64))); err != nil {
		t.Errorf("export: %v", err)
	}
	if err := node.images.Delete(ctx, name); err != nil {
		t.Fatal(err)
	}
	node.collect(ctx, t)
	for _, d := range slices.Collect(maps.Keys(shape.Blobs)) {
		if node.has(ctx, d) {
			t.Errorf("%s stayed after the image", d)
		}
	}
}

// The client's own handlers make labels, too, and a registry has no say in them.
func TestClientMakesNoLabelsOfAnnotations(t *testing.T) {
	const planted = "io.containerd.manifest.subject"
	shape := shapes.ByName("multi-platform").WithRoot(func(index *ocispec.Index) {
		for i := range index.Manifests {
			index.Manifests[i].Annotations = map[string]string{planted: digest.FromString("planted").String()}
		}
	})
	ctx, node := newNode(t)
	name := serve(t, shape, nil).name(":latest")
	if err := node.clientPull(ctx, t, name, policy.Default()); err != nil {
		t.Fatal(err)
	}
	info, err := node.db.ContentStore().Info(ctx, shape.Root.Digest)
	if err != nil {
		t.Fatal(err)
	}
	for label := range info.Labels {
		if strings.Contains(label, "referrer") {
			t.Errorf("label %s", label)
		}
	}
}
