// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/imagelabels"
	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/policy"
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
				fetched := imagelabels.Fetched(node.get(ctx, t, served.name()).Labels)
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
				found, _ := imagelabels.Found(node.get(ctx, t, served.name()).Labels)
				if found == "" && len(c.places) > 0 {
					t.Error("what was found is not recorded")
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

// The registry is asked about the image and the index around it, once each and place; and not at all where the index tells enough.
func TestElsewhereIsAskedOnlyForWhatIsNotKnown(t *testing.T) {
	served := serveEverywhere(t)
	all := []policy.Place{policy.PlaceDigestTag, policy.PlaceReferrers, policy.PlaceCosign}
	listing := policy.Default()
	required := func(places []policy.Place, types ...string) policy.Policy {
		p := requiring(policy.RequiredRefuse, types...)
		p.References, p.Discover = policy.ReferencesNone, places
		return p
	}
	fetching := func(places []policy.Place, types ...string) policy.Policy {
		p := discovering(places...)
		p.Types = types
		return p
	}
	with := func(p policy.Policy, places ...policy.Place) policy.Policy {
		p.Discover = places
		return p
	}
	cases := []struct {
		name            string
		policy          policy.Policy
		tags, referrers int // asked for
	}{
		{"no place", listing, 0, 0},
		{"a listing asks", with(listing, policy.PlaceDigestTag), 2, 0},
		{"the referrers API", with(listing, policy.PlaceReferrers), 0, 2},
		{"cosign's tags", with(listing, policy.PlaceCosign), 6, 0},
		{"every place", with(listing, all...), 8, 2},
		{"required and in the index", required(all, "sbom"), 0, 0},
		{"required and not in the index", required(all, "scan"), 8, 2},
		{"fetched by types in the index", fetching(all, "sbom"), 0, 0},
		{"fetched by types of which one is not", fetching(all[:1], "sbom", "scan"), 4, 0}, // about both of these as well
		{"nothing wanted", with(required(nil), all...), 0, 0},
	}
	for _, c := range cases {
		for _, way := range []string{"transfer", "client"} {
			t.Run(c.name+"/"+way, func(t *testing.T) {
				ctx, node := newNode(t)
				served.Reset()
				if err := node.ways(t)[way](ctx, served.name(), c.policy); err != nil {
					t.Fatal(err)
				}
				tags, referrers := 0, 0
				for _, request := range served.Counts().Log {
					switch {
					case strings.HasPrefix(request, "GET referrers "):
						referrers++
					case strings.HasPrefix(request, "HEAD manifests app sha256-"):
						tags++
					}
				}
				if tags != c.tags || referrers != c.referrers {
					t.Errorf("asked for %d tags and %d lists of referrers, want %d and %d", tags, referrers, c.tags, c.referrers)
				}
			})
		}
	}
}

// A policy that requires something is met by what the repository holds, and refuses an image of which nobody tells that.
func TestRequiredElsewhere(t *testing.T) {
	everySource := []policy.Place{policy.PlaceDigestTag, policy.PlaceReferrers, policy.PlaceCosign}
	cases := []struct {
		name   string
		places []policy.Place
		types  []string
		lacks  string // empty: it is pulled
	}{
		{"under a digest tag", everySource[:1], []string{"scan", "sbom"}, ""},
		{"in the referrers API", everySource[1:2], []string{"application/vnd.example.audit+json"}, ""},
		{"under cosign's tags", everySource[2:], []string{"signature", "attestation"}, ""},
		{"in another place", everySource[2:], []string{"scan"}, "scan"},
		{"about a reference only", everySource, []string{"application/vnd.example.countersignature+json"}, "countersignature"},
		{"nowhere", everySource, []string{"sbom", "warranty"}, "warranty"},
	}
	for _, c := range cases {
		for _, way := range []string{"transfer", "client"} {
			t.Run(c.name+"/"+way, func(t *testing.T) {
				served := serveEverywhere(t)
				ctx, node := newNode(t)
				p := requiring(policy.RequiredRefuse, c.types...)
				p.Discover = c.places
				err := node.ways(t)[way](ctx, served.name(), p)
				if c.lacks == "" && err != nil || c.lacks != "" && !errdefs.IsPermissionDenied(err) {
					t.Fatal(err)
				}
				if c.lacks != "" && !strings.Contains(err.Error(), c.lacks) {
					t.Errorf("%v does not say %s", err, c.lacks)
				}
				p.RequiredAction = policy.RequiredWarn
				if err := node.ways(t)[way](ctx, served.name(), p); err != nil {
					t.Errorf("warned about: %v", err)
				}
			})
		}
	}
}

// What was found stays with the image when it is pulled again without looking, and goes when the image changes.
func TestWhatWasFoundStaysWithTheImage(t *testing.T) {
	for _, shape := range []string{"index", "single manifest"} {
		for _, way := range []string{"transfer", "client"} {
			t.Run(shape+"/"+way, func(t *testing.T) {
				served := serveEverywhere(t)
				name, root := served.name(), served.shape.Root.Digest
				if shape == "single manifest" {
					root = served.shape.Selected
					name = served.Host() + "/app@" + root.String()
				}
				ctx, node := newNode(t)
				pull := node.ways(t)[way]
				if err := pull(ctx, name, discovering(policy.PlaceCosign)); err != nil {
					t.Fatal(err)
				}
				before := node.get(ctx, t, name)
				if err := pull(ctx, name, policy.Default()); err != nil {
					t.Fatal(err)
				}
				node.collect(ctx, t)
				again := node.get(ctx, t, name)
				found, ok := imagelabels.Found(again.Labels)
				if was, _ := imagelabels.Found(before.Labels); !ok || found != was || !slices.Equal(imagelabels.Fetched(again.Labels), imagelabels.Fetched(before.Labels)) {
					t.Errorf("labels %v, were %v", again.Labels, before.Labels)
				}
				listing, err := references.List(ctx, node.db.ContentStore(), again)
				if err != nil || listing.Root.Digest != root {
					t.Fatalf("root %s, %v, want %s", listing.Root.Digest, err, root)
				}
				cosigns := 0
				for _, one := range listing.References {
					if slices.Contains(one.Sources.Names(), "cosign-tag") {
						cosigns++
						if one.Present != native.Yes || one.Subject != served.shape.Selected {
							t.Errorf("%+v", one)
						}
					}
				}
				if cosigns != 3 || len(listing.Tree) <= cosigns {
					t.Errorf("%d of cosign's, %d lines of tree", cosigns, len(listing.Tree))
				}
				if shape == "single manifest" {
					return
				}
				other := shapes.ByName("images-first")
				served.Add("app", other, "v1")
				if err := pull(ctx, name, policy.Default()); err != nil {
					t.Fatal(err)
				}
				if found, ok := imagelabels.Found(node.get(ctx, t, name).Labels); ok {
					t.Errorf("another image keeps the record %s", found)
				}
			})
		}
	}
}

// A single manifest may have what is required attached elsewhere, too.
func TestRequiredOfASingleManifest(t *testing.T) {
	served := serveEverywhere(t)
	name := served.Host() + "/app@" + served.shape.Selected.String()
	for _, way := range []string{"transfer", "client"} {
		ctx, node := newNode(t)
		p := requiring(policy.RequiredRefuse, "signature")
		if err := node.ways(t)[way](ctx, name, p); !errdefs.IsPermissionDenied(err) {
			t.Errorf("%s: %v", way, err)
		}
		p.Discover = []policy.Place{policy.PlaceCosign}
		if err := node.ways(t)[way](ctx, name, p); err != nil {
			t.Errorf("%s: %v", way, err)
		}
	}
}

// With "all", what is about images for other platforms is fetched, too.
func TestReferencesOfAllPlatforms(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	entries, err := shape.Entries()
	if err != nil {
		t.Fatal(err)
	}
	foreign := slices.IndexFunc(entries, func(entry ocispec.Descriptor) bool {
		return entry.Platform != nil && entry.Digest != shape.Selected && entry.Digest != shape.References[0]
	})
	shape = shape.WithRoot(about(entries[foreign].Digest.String()))
	for _, platforms := range []policy.Platforms{policy.PlatformsOwn, policy.PlatformsAll} {
		ctx, node := newNode(t)
		name := serve(t, shape, nil).name(":latest")
		p := fetchAll()
		p.Platforms = platforms
		if err := node.pull(ctx, name, p); err != nil {
			t.Fatal(err)
		}
		if fetched := len(imagelabels.Fetched(node.get(ctx, t, name).Labels)); (fetched > 0) != (platforms == policy.PlatformsAll) {
			t.Errorf("%s: fetched %d", platforms, fetched)
		}
	}
}
