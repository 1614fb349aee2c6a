// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"testing"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/containerd/v2/core/transfer/image"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/transfer"
	nodes "github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

// pullSeveral pulls for the platforms, or for all if none is named, with all metadata as ctr does.
func pullSeveral(ctx context.Context, t *testing.T, node *node, way, name string, wanted ...ocispec.Platform) {
	t.Helper()
	var err error
	if way == "transfer" {
		err = node.pull(ctx, name, policy.Default(), image.WithPlatforms(wanted...), image.WithAllMetadata)
	} else {
		options := []containerd.RemoteOpt{containerd.WithResolver(newResolver()), containerd.WithAllMetadata(), transfer.WithExtendedIndexes(policy.Default())}
		for _, one := range wanted {
			options = append(options, containerd.WithPlatform(platforms.Format(one)))
		}
		_, err = node.client(t).Fetch(ctx, name, options...)
	}
	if err != nil {
		t.Fatal(err)
	}
	node.collect(ctx, t)
}

// Whoever pulls for all platforms has all of the index: it is exported whole, and goes with the image.
func TestAllPlatformsArePulledWhole(t *testing.T) {
	for _, name := range []string{
		"multi-platform", "buildkit-attestations", "images-first", "artifact-first-same-platform", "artifact-first-no-platform",
		"soci-v2", "artifacts-before-nested",
	} {
		for _, way := range []string{"transfer", "client"} {
			t.Run(name+"/"+way, func(t *testing.T) {
				shape := shapes.ByName(name)
				ctx, node := newNode(t)
				reference := serve(t, shape, nil).name(":latest")
				pullSeveral(ctx, t, node, way, reference)
				if target := node.get(ctx, t, reference).Target.Digest; target != shape.Root.Digest {
					t.Errorf("target %s, want the index", target)
				}
				all := slices.Collect(maps.Keys(shape.Blobs))
				for _, d := range all {
					if !node.has(ctx, d) {
						t.Errorf("%s is not there", d)
					}
				}
				if name != "artifacts-before-nested" { // containerd exports no index that has nothing but indexes
					if err := archive.Export(ctx, node.db.ContentStore(), io.Discard, archive.WithImage(node.images, reference), archive.WithAllPlatforms()); err != nil {
						t.Errorf("export: %v", err)
					}
				}
				if err := node.images.Delete(ctx, reference); err != nil {
					t.Fatal(err)
				}
				node.collect(ctx, t)
				for _, d := range all {
					if node.has(ctx, d) {
						t.Errorf("%s stayed after the image", d)
					}
				}
			})
		}
	}
}

// Of several platforms, all is there that a plain containerd takes of the same image.
func TestSeveralPlatformsHaveWhatContainerdTakes(t *testing.T) {
	arm64 := ocispec.Platform{OS: "linux", Architecture: "arm64"}
	for _, name := range []string{
		"multi-platform", "buildkit-attestations", "images-first", "artifact-first-same-platform", "artifact-first-no-platform", "nested",
	} {
		for _, way := range []string{"transfer", "client"} {
			t.Run(name+"/"+way, func(t *testing.T) {
				shape := shapes.ByName(name)
				ctx, ours := newNode(t)
				_, stock := newNode(t)
				reference := serve(t, shape, nil).name(":latest")
				pullSeveral(ctx, t, ours, way, reference, amd64, arm64)
				if err := stock.pullWith(ctx, stock.stock, reference, image.WithPlatforms(amd64, arm64), image.WithAllMetadata); err != nil {
					t.Fatal(err)
				}
				stock.collect(ctx, t)
				for d := range shape.Blobs {
					if stock.has(ctx, d) && !ours.has(ctx, d) {
						t.Errorf("%s is not there", d)
					}
				}
			})
		}
	}
}

// An index that is nested and was not needed brings no images of other platforms.
func TestSeveralPlatformsTakeNoOthersOfANestedIndex(t *testing.T) {
	shape := shapes.ByName("images-first").WithRoot(func(*ocispec.Index) {})
	other := nodes.Artifact(t, shape, "application/vnd.example.other", nodes.Piece{MediaType: "text/plain", Content: []byte("of another platform")})
	other.Platform = &ocispec.Platform{OS: "windows", Architecture: "amd64"}
	own := nodes.Artifact(t, shape, "application/vnd.example.own", nodes.Piece{MediaType: "text/plain", Content: []byte("of no platform")})
	raw, err := json.Marshal(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{other, own}})
	if err != nil {
		t.Fatal(err)
	}
	nested := nodes.Blob(shape, ocispec.MediaTypeImageIndex, raw)
	shape.MediaTypes[nested.Digest] = nested.MediaType
	nested.ArtifactType = "application/vnd.example.collection"
	shape = nodes.Attach(t, shape, nested)
	ctx, node := newNode(t)
	reference := serve(t, shape, nil).name(":latest")
	pullSeveral(ctx, t, node, "transfer", reference, amd64, ocispec.Platform{OS: "linux", Architecture: "arm64"})
	for d, want := range map[digest.Digest]bool{nested.Digest: true, own.Digest: true, other.Digest: false} {
		if got := node.has(ctx, d); got != want {
			t.Errorf("%s is there: %v, want %v", d, got, want)
		}
	}
}

// What the registry does not have any more fails no pull.
func TestAllPlatformsWithoutAMissingArtifact(t *testing.T) {
	shape := shapes.ByName("images-first").WithRoot(func(*ocispec.Index) {})
	shape.Absent = map[digest.Digest]bool{shape.References[0]: true}
	for _, way := range []string{"transfer", "client"} {
		ctx, node := newNode(t)
		reference := serve(t, shape, nil).name(":latest")
		pullSeveral(ctx, t, node, way, reference)
		if !node.has(ctx, shape.Selected) {
			t.Errorf("%s: the image is not there", way)
		}
	}
}
