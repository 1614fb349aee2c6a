// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/records"
	"github.com/refract-oci/refract/plugin/references"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// everywhere is an image with references of every source, in a registry that has them all.
type everywhere struct {
	*registry.Server
	shape shapes.Shape
	all   []shapes.Reference
}

func serveEverywhere(t *testing.T) *everywhere {
	t.Helper()
	server, err := registry.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	shape, all := shapes.EverySource()
	server.Add("app", shape, "v1")
	server.ServeReferrers(true)
	return &everywhere{server, shape, all}
}

func (e *everywhere) name() string { return e.Host() + "/app:v1" }

// from are the references that have one of these sources, without those under a tag that only a list of tags would tell of.
func (e *everywhere) from(sources ...string) []digest.Digest {
	var found []digest.Digest
	for _, one := range e.all {
		if one.Digest == "" || strings.Contains(one.Type, "licence") {
			continue
		}
		if slices.ContainsFunc(one.Sources, func(source string) bool { return slices.Contains(sources, source) }) {
			found = append(found, one.Digest)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

var inIndex = []string{"index", "annotation", "buildkit", "soci"}

func discovering(places ...policy.Place) policy.Policy {
	p := fetchAll()
	p.Discover = places
	return p
}

// ways are the two by which an image is pulled.
func (n *node) ways(t *testing.T) map[string]func(context.Context, string, policy.Policy) error {
	return map[string]func(context.Context, string, policy.Policy) error{
		"transfer": func(ctx context.Context, name string, p policy.Policy) error { return n.pull(ctx, name, p) },
		"client":   func(ctx context.Context, name string, p policy.Policy) error { return n.clientPull(ctx, t, name, p) },
	}
}

// What the repository holds besides the index is found, fetched, kept as long as the image, and listed offline.
func TestReferencesFromElsewhere(t *testing.T) {
	cases := []struct {
		name    string
		places  []policy.Place
		sources []string
	}{
		{"nowhere", nil, nil},
		{"under digest tags", []policy.Place{policy.PlaceDigestTag}, []string{"digest-tag", "referrers-tag"}},
		{"in the referrers API", []policy.Place{policy.PlaceReferrers}, []string{"referrers-api"}},
		{"under cosign's tags", []policy.Place{policy.PlaceCosign}, []string{"cosign-tag"}},
		{"everywhere", []policy.Place{policy.PlaceCosign, policy.PlaceDigestTag, policy.PlaceReferrers},
			[]string{"digest-tag", "referrers-tag", "referrers-api", "cosign-tag"}},
	}
	for _, c := range cases {
		for _, way := range []string{"transfer", "client"} {
			t.Run(c.name+"/"+way, func(t *testing.T) {
				served := serveEverywhere(t)
				ctx, node := newNode(t)
				if err := node.ways(t)[way](ctx, served.name(), discovering(c.places...)); err != nil {
					t.Fatal(err)
				}
				want := served.from(append(c.sources, inIndex...)...)
				fetched := records.Fetched(node.get(ctx, t, served.name()).Labels)
				slices.Sort(fetched)
				if !slices.Equal(fetched, want) {
					t.Errorf("fetched %d, want %d: %v", len(fetched), len(want), fetched)
				}
				node.collect(ctx, t)
				listing, err := references.List(ctx, node.db.ContentStore(), node.get(ctx, t, served.name()))
				if err != nil {
					t.Fatal(err)
				}
				told := map[digest.Digest][]string{}
				for _, one := range listing.References {
					if d := one.Descriptor.Digest; d != "" {
						told[d] = one.Sources.Names()
						if one.Present != native.Yes || one.Weak == native.Yes {
							t.Errorf("%s: present %s, weak %s", d, one.Present, one.Weak)
						}
					}
				}
				if listed := slices.Sorted(maps.Keys(told)); !slices.Equal(listed, want) {
					t.Errorf("listed %d, want %d", len(listed), len(want))
				}
				for _, one := range served.all {
					for _, source := range told[one.Digest] {
						if !slices.Contains(one.Sources, source) {
							t.Errorf("%s %s is told to be from %v, want %v", one.Type, one.Digest, told[one.Digest], one.Sources)
						}
					}
				}
				found, _ := records.Found(node.get(ctx, t, served.name()).Labels)
				if (found == "") != (len(c.places) == 0) {
					t.Errorf("record %q", found)
				}
				if err := node.images.Delete(ctx, served.name()); err != nil {
					t.Fatal(err)
				}
				node.collect(ctx, t)
				for _, d := range append(want, found) {
					if d != "" && node.has(ctx, d) {
						t.Errorf("%s stayed after the image", d)
					}
				}
			})
		}
	}
}
