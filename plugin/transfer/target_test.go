// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"testing"

	"github.com/containerd/containerd/v2/core/transfer/image"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/imagelabels"
	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/tests/shapes"
)

func TestImageTarget(t *testing.T) {
	const index, manifest = "index", "manifest"
	arm64 := ocispec.Platform{OS: "linux", Architecture: "arm64"}
	cases := []struct {
		shape     string
		target    policy.ImageTarget
		platforms []ocispec.Platform
		fetch     bool
		want      string
		labelled  bool
	}{
		{shape: "images-first", target: policy.TargetAuto, want: manifest, labelled: true},
		{shape: "images-first", target: policy.TargetManifest, want: manifest, labelled: true},
		{shape: "multi-platform", target: policy.TargetAuto, want: index},
		{shape: "multi-platform", target: policy.TargetManifest, want: manifest, labelled: true},
		{shape: "buildkit-attestations", target: policy.TargetAuto, want: index, labelled: true},
		{shape: "artifact-first-same-platform", target: policy.TargetAuto, want: manifest, labelled: true},
		{shape: "artifact-first-same-platform", target: policy.TargetIndex, want: index, labelled: true},
		{shape: "artifact-first-no-platform", target: policy.TargetAuto, want: manifest, labelled: true},
		{shape: "artifact-first-no-platform", target: policy.TargetAuto, fetch: true, want: index, labelled: true},
		{shape: "artifacts-before-nested", target: policy.TargetAuto, want: manifest, labelled: true},
		{shape: "nested", target: policy.TargetAuto, want: manifest, labelled: true},
		{shape: "nested-first-then-match", target: policy.TargetAuto, want: manifest},
		{shape: "single-manifest", target: policy.TargetAuto, want: manifest},
		{shape: "single-manifest", target: policy.TargetIndex, want: manifest},
		{shape: "multi-platform", target: policy.TargetManifest, platforms: []ocispec.Platform{amd64, arm64}, want: index},
	}
	for _, c := range cases {
		t.Run(c.shape+" "+string(c.target), func(t *testing.T) {
			shape := shapes.ByName(c.shape)
			ctx, node := newNode(t)
			name := serve(t, shape, nil).name(":latest")
			p := policy.Default()
			p.ImageTarget = c.target
			if c.fetch {
				p.References = policy.ReferencesFetch
			}
			platforms := c.platforms
			if platforms == nil {
				platforms = []ocispec.Platform{amd64}
			}
			if err := node.pull(ctx, name, p, image.WithPlatforms(platforms...)); err != nil {
				t.Fatal(err)
			}
			pulled := node.get(ctx, t, name)
			want := shape.Selected
			if c.want == index {
				want = shape.Root.Digest
			}
			if pulled.Target.Digest != want {
				t.Errorf("target %s, want the %s %s", pulled.Target.Digest, c.want, want)
			}
			if len(pulled.Target.Annotations) > 0 || pulled.Target.Platform != nil {
				t.Errorf("target %+v", pulled.Target)
			}
			if _, labelled := imagelabels.Root(pulled.Labels); labelled != c.labelled && c.want == index {
				t.Errorf("labels %v", pulled.Labels)
			}
		})
	}
}

// Whatever containerd would find on a plain image it finds here, all platforms or some.
func TestSeveralPlatforms(t *testing.T) {
	shape := shapes.ByName("multi-platform")
	for name, options := range map[string][]image.StoreOpt{
		"all":          {image.WithPlatforms()},
		"all metadata": {image.WithPlatforms(amd64), image.WithAllMetadata},
		"limited":      {image.WithPlatforms(amd64), image.WithManifestLimit(1)},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, ours := newNode(t)
			_, stock := newNode(t)
			registry := serve(t, shape, nil)
			image := registry.name(":latest")
			if err := ours.pull(ctx, image, policy.Default(), options...); err != nil {
				t.Fatal(err)
			}
			if err := stock.pullWith(ctx, stock.stock, image, options...); err != nil {
				t.Fatal(err)
			}
			if got, want := ours.get(ctx, t, image), stock.get(ctx, t, image); got.Target.Digest != want.Target.Digest || len(got.Labels) != len(want.Labels) {
				t.Errorf("record %+v, containerd's %+v", got, want)
			}
			for d := range shape.Blobs {
				if got, want := ours.has(ctx, d), stock.has(ctx, d); got != want {
					t.Errorf("%s is there: %v, with containerd alone: %v", d, got, want)
				}
			}
		})
	}
}

// An ordinary image costs what it always did.
func TestOrdinaryImageCostsNoMoreRequests(t *testing.T) {
	for _, name := range []string{"multi-platform", "single-manifest", "single-docker-manifest"} {
		for _, options := range [][]image.StoreOpt{
			{image.WithPlatforms(amd64)}, {image.WithPlatforms(amd64), image.WithAllMetadata},
		} {
			shape := shapes.ByName(name)
			ctx, ours := newNode(t)
			_, stock := newNode(t)
			oursAsked, stockAsked := serve(t, shape, nil), serve(t, shape, nil)
			if err := ours.pull(ctx, oursAsked.name(":latest"), policy.Default(), options...); err != nil {
				t.Fatal(err)
			}
			if err := stock.pullWith(ctx, stock.stock, stockAsked.name(":latest"), options...); err != nil {
				t.Fatal(err)
			}
			if got, want := oursAsked.asked(""), stockAsked.asked(""); got > want {
				t.Errorf("%s: %d requests, containerd alone makes %d\n%v\n%v", name, got, want, oursAsked.requests, stockAsked.requests)
			}
		}
	}
}
