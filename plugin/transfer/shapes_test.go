// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/transfer/image"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/plugin/imagelabels"
	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/tests/shapes"
)

// What is pulled is what containerd finds when it selects again, and nothing attached comes along.
func TestEveryShapeIsPulledOrRefused(t *testing.T) {
	for _, shape := range shapes.EndToEnd() {
		for _, by := range []string{":latest", "@" + shape.Root.Digest.String()} {
			t.Run(shape.Name+by[:1], func(t *testing.T) {
				ctx, node := newNode(t)
				registry := serve(t, shape, nil)
				name := registry.name(by)
				err := node.pull(ctx, name, policy.Default(), image.WithPlatforms(amd64), image.WithAllMetadata)
				if shape.Output == "" {
					if err == nil {
						t.Fatal("pulled")
					}
					for _, word := range append(shape.Refusal, name+": ") {
						if !strings.Contains(err.Error(), word) {
							t.Errorf("%q does not have %q", err, word)
						}
					}
					if errdefs.IsNotImplemented(err) {
						t.Errorf("%q would be taken for a transfer service that lacks something", err)
					}
					if strings.Contains(err.Error(), "\n") {
						t.Errorf("%q takes more than a line", err)
					}
					if all, _ := node.images.List(ctx); len(all) != 0 {
						t.Errorf("left behind: %v", all)
					}
					node.collect(ctx, t)
					if node.has(ctx, shape.Root.Digest) {
						t.Error("the index was left behind")
					}
					if statuses, _ := node.db.ContentStore().ListStatuses(ctx, ""); len(statuses) != 0 {
						t.Errorf("ingests were left behind: %v", statuses)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				node.collect(ctx, t)
				pulled := node.get(ctx, t, name)
				manifest, err := images.Manifest(ctx, node.db.ContentStore(), pulled.Target, platforms.Only(amd64))
				if err != nil {
					t.Fatal(err)
				}
				if want := shape.Configs[shape.Selected]; manifest.Config.Digest != want {
					t.Errorf("containerd selects config %s, want %s", manifest.Config.Digest, want)
				}
				if !node.has(ctx, shape.Root.Digest) {
					t.Error("the index is gone")
				}
				if root, ok := imagelabels.Root(pulled.Labels); ok && root != shape.Root.Digest {
					t.Errorf("label names %s", root)
				}
				if pulled.Target.Digest == shape.Root.Digest {
					// An index that is not whole could not be pushed.
					entries, err := images.Children(ctx, node.db.ContentStore(), pulled.Target)
					if err != nil {
						t.Fatal(err)
					}
					for _, entry := range entries {
						if !node.has(ctx, entry.Digest) {
							t.Errorf("entry %s is not here", entry.Digest)
						}
					}
				}
				most := 0
				if shape.Name == "buildkit-attestations" {
					most = 1 // as containerd alone takes them with all metadata
				}
				for _, reference := range shape.References {
					if slices.Contains(shape.Expect.Needs, reference) {
						continue // an index: whether it is an artifact is in its bytes
					}
					if count := registry.asked(reference.String()); count > most {
						t.Errorf("reference %s was asked for %d times", reference, count)
					}
				}
			})
		}
	}
}

// A root that is no index is containerd's business alone.
func TestRootOfAnotherKind(t *testing.T) {
	shape := shapes.ByName("images-first")
	shape.MediaTypes = map[digest.Digest]string{shape.Root.Digest: "application/vnd.example.thing"}
	ctx, node := newNode(t)
	name := serve(t, shape, nil).name(":latest")
	stock := node.pullWith(ctx, node.stock, name)
	if ours := node.pull(ctx, name, policy.Default()); fmt.Sprint(ours) != fmt.Sprint(stock) {
		t.Fatalf("error %v, containerd alone: %v", ours, stock)
	}
}
