// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"slices"
	"strings"
	"testing"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/transfer/image"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/transfer"
	"github.com/refract-oci/refract/tests/shapes"
)

// artifactLast puts the first entry of a shape behind the others.
func artifactLast(index *ocispec.Index) {
	index.Manifests = append(slices.Clone(index.Manifests[1:]), index.Manifests[0])
}

// Where the policy requires something, containerd must not come to anything else from the record than what was judged: else the manifest is
// the target or, where the index would have to be it, the pull is refused before any layer is downloaded.
func TestTargetIsWhatWasJudged(t *testing.T) {
	first := shapes.ByName("artifact-first-same-platform").WithRoot(about(""))
	last := first.WithRoot(artifactLast)
	host := platforms.DefaultSpec()
	other := ocispec.Platform{OS: "linux", Architecture: "arm64"}
	if host.Architecture == "arm64" {
		other.Architecture = "amd64"
	}
	const takes, hosts = ", containerd takes manifests[", "this host's"
	cases := []struct {
		name      string
		shape     shapes.Shape
		target    policy.ImageTarget
		platforms []ocispec.Platform
		want      string // "index", "manifest", or words of the refusal
	}{
		{"artifact first", first, policy.TargetAuto, []ocispec.Platform{host}, "manifest"},
		{"artifact first", first, policy.TargetManifest, []ocispec.Platform{host}, "manifest"},
		{"artifact first", first, policy.TargetIndex, []ocispec.Platform{host}, takes + "0]"},
		{"artifact first, two", first, policy.TargetAuto, []ocispec.Platform{host, other}, takes + "0]"},
		{"artifact first, all", first, policy.TargetManifest, nil, takes + "0]"},
		{"artifact last", last, policy.TargetIndex, []ocispec.Platform{host}, "index"},
		{"artifact last, two", last, policy.TargetManifest, []ocispec.Platform{other, host}, "index"},
		{"artifact last, all", last, policy.TargetAuto, nil, "index"},
		{"another platform alone", last, policy.TargetAuto, []ocispec.Platform{other}, "manifest"},
		{"another platform alone", last, policy.TargetIndex, []ocispec.Platform{other}, hosts},
	}
	for _, c := range cases {
		for _, way := range []string{"transfer", "client"} {
			t.Run(c.name+"/"+string(c.target)+"/"+way, func(t *testing.T) {
				pull := func(p policy.Policy) (target ocispec.Descriptor, layers int, err error) {
					ctx, node := newNode(t)
					registry := serve(t, c.shape, nil)
					name := registry.name(":latest")
					if way == "transfer" {
						err = node.pull(ctx, name, p, image.WithPlatforms(c.platforms...))
					} else {
						options := []containerd.RemoteOpt{containerd.WithResolver(newResolver()), transfer.WithExtendedIndexes(p)}
						for _, one := range c.platforms {
							options = append(options, containerd.WithPlatform(platforms.Format(one)))
						}
						_, err = node.client(t).Fetch(ctx, name, options...)
					}
					for d := range c.shape.Blobs {
						if c.shape.MediaTypes[d] == "" && !isConfig(c.shape, d.String()) {
							layers += registry.asked("/" + d.String())
						}
					}
					if err == nil {
						target = node.get(ctx, t, name).Target
					}
					return target, layers, err
				}
				p := requiring(policy.RequiredRefuse, "sbom")
				p.ImageTarget = c.target
				target, layers, err := pull(p)
				switch c.want {
				case "index", "manifest":
					if isRoot := target.Digest == c.shape.Root.Digest; err != nil || isRoot != (c.want == "index") {
						t.Errorf("target %s, %v, want the %s", target.Digest, err, c.want)
					}
				default:
					if !errdefs.IsPermissionDenied(err) || !strings.Contains(err.Error(), c.want) || layers > 0 {
						t.Errorf("%d layers, %v, want a refusal with %q", layers, err, c.want)
					}
					p.RequiredAction = policy.RequiredWarn
					if _, _, err := pull(p); err != nil {
						t.Errorf("warned about: %v", err)
					}
				}
			})
		}
	}
}

func isConfig(shape shapes.Shape, d string) bool {
	for _, config := range shape.Configs {
		if config.String() == d {
			return true
		}
	}
	return false
}
