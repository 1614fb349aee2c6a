// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"testing"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	ctransfer "github.com/containerd/containerd/v2/core/transfer"
	"github.com/containerd/containerd/v2/core/transfer/image"
	"github.com/containerd/containerd/v2/core/transfer/registry"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/transfer"
	nodes "github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

// elsewhere are a descriptor's own addresses.
var elsewhere = []string{"http://127.0.0.1:1/layer"}

// lazily are annotations, two of which a lazy snapshotter would take for such.
func lazily() map[string]string {
	return map[string]string{
		"containerd.io/snapshot/remote/urls": elsewhere[0], "containerd.io/snapshot/remote/urls.0": elsewhere[0],
		"containerd.io/snapshot/stargz/toc.digest": "stays",
	}
}

func described(t *testing.T, shape shapes.Shape, mediaType string, document any) ocispec.Descriptor {
	t.Helper()
	raw, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	of := nodes.Blob(shape, mediaType, raw)
	shape.MediaTypes[of.Digest] = mediaType
	return of
}

func isAtRegistry(t *testing.T, desc ocispec.Descriptor) {
	t.Helper()
	if len(desc.URLs) != 0 || len(desc.Annotations) > 1 {
		t.Errorf("%s is also at %q, annotations %q", desc.MediaType, desc.URLs, desc.Annotations)
	}
}

// What a client's handlers see of an image has no addresses but the registry's, whatever wraps them.
func TestClientsHandlersSeeNoURLs(t *testing.T) {
	shape := shapes.Shape{Name: "urls", Blobs: map[digest.Digest][]byte{}, MediaTypes: map[digest.Digest]string{}}
	layer := nodes.Blob(shape, ocispec.MediaTypeImageLayer, []byte("layer"))
	config := nodes.Blob(shape, ocispec.MediaTypeImageConfig, []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["`+layer.Digest.String()+`"]}}`))
	layer.URLs, config.URLs, layer.Annotations = elsewhere, elsewhere, lazily()
	manifest := described(t, shape, ocispec.MediaTypeImageManifest, ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest, Config: config, Layers: []ocispec.Descriptor{layer}})
	manifest.Platform, manifest.URLs, manifest.Annotations = &amd64, elsewhere, lazily()
	shape.Root = described(t, shape, ocispec.MediaTypeImageIndex, ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{manifest}})
	ctx, node := newNode(t)
	var mu sync.Mutex
	seen := 0
	wrapper := func(handler images.Handler) images.Handler {
		return images.HandlerFunc(func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
			children, err := handler.Handle(ctx, desc)
			mu.Lock()
			defer mu.Unlock()
			for _, child := range children {
				isAtRegistry(t, child)
				seen++
			}
			return children, err
		})
	}
	if _, err := node.client(t).Fetch(ctx, serve(t, shape, nil).name(":latest"), containerd.WithResolver(newResolver()), containerd.WithPlatform("linux/amd64"),
		containerd.WithImageHandlerWrapper(wrapper), transfer.WithExtendedIndexes(policy.Default())); err != nil {
		t.Fatal(err)
	}
	if seen < 2 {
		t.Errorf("%d descriptors were seen", seen)
	}
}

// The same for what containerd's transfer service goes through.
func TestTransfersHandlersSeeNoURLs(t *testing.T) {
	ctx, node := newNode(t)
	store := node.db.ContentStore()
	raw := []byte(`{"schemaVersion":2}`)
	manifest := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if err := content.WriteBlob(ctx, store, "manifest", bytes.NewReader(raw), manifest); err != nil {
		t.Fatal(err)
	}
	layer := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: digest.FromString("layer"), Size: 5, URLs: elsewhere, Annotations: lazily()}
	var got []ocispec.Descriptor
	inner := transferFunc(func(ctx context.Context, _, to any) (err error) {
		got, err = to.(ctransfer.ImageFilterer).ImageFilter(func(context.Context, ocispec.Descriptor) ([]ocispec.Descriptor, error) {
			return []ocispec.Descriptor{layer}, nil
		}, store)(ctx, manifest)
		return err
	})
	from, err := registry.NewOCIRegistry(ctx, "host/repo:tag")
	if err != nil {
		t.Fatal(err)
	}
	if err := transfer.New(inner, store, policy.Default(), nil).Transfer(ctx, from, image.NewStore("host/repo:tag", image.WithPlatforms(amd64))); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 {
		t.Fatalf("%d descriptors", len(got))
	}
	isAtRegistry(t, got[0])
}
