// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package imagelabels_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.etcd.io/bbolt"

	"github.com/refract-oci/refract/plugin/imagelabels"
)

func newImages(t *testing.T) (context.Context, images.Store) {
	t.Helper()
	dir := t.TempDir()
	content, err := local.NewStore(filepath.Join(dir, "content"))
	if err != nil {
		t.Fatal(err)
	}
	bolt, err := bbolt.Open(filepath.Join(dir, "meta.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bolt.Close() })
	db := metadata.NewDB(bolt, content, nil)
	ctx := namespaces.WithNamespace(t.Context(), "test")
	if err := db.Init(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx, metadata.NewImageStore(db)
}

func target(of string) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(of), Size: 1}
}

func TestStoreKeepsWhatWasFetchedForTheSameRoot(t *testing.T) {
	ctx, under := newImages(t)
	image := images.Image{Name: "host/repo:tag", Target: target("image"), Labels: map[string]string{"mine": "1"}}
	steps := []struct {
		name    string
		root    digest.Digest
		fetched []digest.Digest
		want    []digest.Digest
	}{
		{"created", rootA, []digest.Digest{one}, []digest.Digest{one}},
		{"pulled again", rootA, nil, []digest.Digest{one}},
		{"fetched more", rootA, []digest.Digest{two}, []digest.Digest{one, two}},
		{"the tag moved", rootB, nil, nil},
		{"to an ordinary image", "", nil, nil},
	}
	for _, step := range steps {
		store := &imagelabels.Store{Store: under, Kept: imagelabels.Kept{Root: step.root, Fetched: step.fetched}}
		if _, err := store.Put(ctx, image); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		got, err := under.Get(ctx, image.Name)
		if err != nil {
			t.Fatal(err)
		}
		if fetched := imagelabels.Fetched(got.Labels); !slices.Equal(fetched, step.want) {
			t.Errorf("%s: fetched %v, want %v", step.name, fetched, step.want)
		}
		if root, _ := imagelabels.Root(got.Labels); root != step.root || got.Labels["mine"] != "1" {
			t.Errorf("%s: labels %v", step.name, got.Labels)
		}
	}
	if len(image.Labels) != 1 {
		t.Errorf("the caller's labels were changed: %v", image.Labels)
	}
}
