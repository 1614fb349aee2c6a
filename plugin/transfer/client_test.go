// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	ctransfer "github.com/containerd/containerd/v2/core/transfer"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/imagelabels"
	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/transfer"
	"github.com/refract-oci/refract/tests/shapes"
)

func (n *node) client(t testing.TB) *containerd.Client {
	t.Helper()
	client, err := containerd.New("", containerd.WithServices(
		containerd.WithContentStore(n.db.ContentStore()), containerd.WithImageStore(n.images), containerd.WithLeasesService(n.leases)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func newResolver() remotes.Resolver {
	return docker.NewResolver(docker.ResolverOptions{Hosts: docker.ConfigureDefaultRegistries(
		docker.WithPlainHTTP(docker.MatchAllHosts), docker.WithClient(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}),
	)})
}

func TestClientPullsEveryShape(t *testing.T) {
	for _, shape := range shapes.EndToEnd() {
		t.Run(shape.Name, func(t *testing.T) {
			ctx, node := newNode(t)
			name := serve(t, shape, nil).name(":latest")
			pulled, err := node.client(t).Pull(ctx, name, containerd.WithResolver(newResolver()),
				containerd.WithPlatform("linux/amd64"), transfer.WithExtendedIndexes(policy.Default()))
			if shape.Output == "" {
				if err == nil {
					t.Fatal("pulled")
				}
				for _, word := range shape.Refusal {
					if !strings.Contains(err.Error(), word) {
						t.Errorf("%q does not have %q", err, word)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			node.collect(ctx, t)
			config, err := pulled.Config(ctx)
			if err != nil || config.Digest != shape.Configs[shape.Selected] {
				t.Errorf("config %s, %v, want %s", config.Digest, err, shape.Configs[shape.Selected])
			}
			if !node.has(ctx, shape.Root.Digest) {
				t.Error("the index is gone")
			}
			available, _, _, missing, err := images.Check(ctx, node.db.ContentStore(), pulled.Target(), platforms.Only(amd64))
			if err != nil || !available || len(missing) > 0 {
				t.Errorf("check: %v, missing %v, %v", available, missing, err)
			}
		})
	}
}

func TestClientKeepsWhatItFetches(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	ctx, node := newNode(t)
	name := serve(t, shape, nil).name(":latest")
	client := node.client(t)
	for _, p := range []policy.Policy{fetchAll(), policy.Default()} {
		given := map[string]string{"mine": "1"}
		if _, err := client.Pull(ctx, name, containerd.WithResolver(newResolver()), containerd.WithPlatform("linux/amd64"),
			containerd.WithPullLabels(given), transfer.WithExtendedIndexes(p)); err != nil {
			t.Fatal(err)
		}
		labels := node.get(ctx, t, name).Labels
		if fetched := imagelabels.Fetched(labels); !slices.Equal(fetched, shape.References) || labels["mine"] != "1" {
			t.Errorf("labels %v", labels)
		}
		if len(given) != 1 {
			t.Errorf("the caller's labels were changed: %v", given)
		}
	}
}

// With the index as target, containerd's handlers follow the selection and nothing beside it.
func TestClientFollowsTheSelectionThroughAnIndex(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	p := policy.Default()
	p.ImageTarget = policy.TargetIndex
	for name, pull := range map[string]func(context.Context, *containerd.Client, string, ...containerd.RemoteOpt) error{
		"pull": func(ctx context.Context, client *containerd.Client, image string, options ...containerd.RemoteOpt) error {
			_, err := client.Pull(ctx, image, append(options, containerd.WithPlatform("linux/amd64"))...)
			return err
		},
		"fetch": func(ctx context.Context, client *containerd.Client, image string, options ...containerd.RemoteOpt) error {
			_, err := client.Fetch(ctx, image, append(options, containerd.WithPlatform("linux/amd64"), containerd.WithAllMetadata())...)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, node := newNode(t)
			registry := serve(t, shape, nil)
			if err := pull(ctx, node.client(t), registry.name(":latest"), containerd.WithResolver(newResolver()), transfer.WithExtendedIndexes(p)); err != nil {
				t.Fatal(err)
			}
			if got := node.get(ctx, t, registry.name(":latest")).Target.Digest; got != shape.Root.Digest {
				t.Errorf("target %s", got)
			}
			if !node.has(ctx, shape.Selected) || registry.asked(shape.References[0].String()) > 0 {
				t.Error("the selected image is not here, or the artifact was asked for")
			}
		})
	}
}

func TestClientDoesNotGuess(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	ctx, node := newNode(t)
	name := serve(t, shape, nil).name(":latest")
	client := node.client(t)
	resolver := containerd.WithResolver(newResolver())
	option := transfer.WithExtendedIndexes(policy.Default())
	matcher := containerd.WithPlatformMatcher(platforms.Only(ocispec.Platform{OS: "linux", Architecture: "arm64"}))
	for what, options := range map[string][]containerd.RemoteOpt{
		"a matcher before":       {resolver, matcher, option},
		"another matcher behind": {resolver, option, matcher, containerd.WithPlatform("linux/amd64")},
		"no resolver":            {containerd.WithResolver(nil), option},
	} {
		if _, err := client.Fetch(ctx, name, options...); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// settable is a resolver that takes a pull's settings.
type settable struct {
	remotes.Resolver
	set int
}

func (s *settable) SetOptions(options ...ctransfer.ImageResolverOption) { s.set += len(options) }

func TestClientPassesSettingsOn(t *testing.T) {
	ctx, node := newNode(t)
	name := serve(t, shapes.ByName("images-first"), nil).name(":latest")
	resolver := &settable{Resolver: newResolver()}
	if _, err := node.client(t).Pull(ctx, name, containerd.WithResolver(resolver), transfer.WithExtendedIndexes(policy.Default())); err != nil {
		t.Fatal(err)
	}
	if resolver.set == 0 {
		t.Error("the resolver was told nothing")
	}
}
