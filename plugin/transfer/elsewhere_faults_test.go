// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/transfer/image"
	source "github.com/containerd/containerd/v2/core/transfer/registry"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/plugin/imagelabels"
	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/references"
	"github.com/refract-oci/refract/plugin/transfer"
	"github.com/refract-oci/refract/tests/registry"
)

// A registry that fails is no reason not to pull, as long as nothing is required; and what its failure leaves unknown is not taken for
// a no: the pull ends with the failure, so that it is tried again.
func TestElsewhereFails(t *testing.T) {
	places := []policy.Place{policy.PlaceDigestTag, policy.PlaceReferrers}
	failing := func(w http.ResponseWriter, r *http.Request, target registry.Target) bool {
		about := target.Kind == "referrers" || strings.HasPrefix(target.Reference, "sha256-")
		return about && registry.Status(http.StatusInternalServerError)(w, r, target)
	}
	for _, way := range []string{"transfer", "client"} {
		t.Run(way, func(t *testing.T) {
			served := serveEverywhere(t)
			served.Inject(failing)
			ctx, node := newNode(t)
			pull := node.ways(t)[way]
			if err := pull(ctx, served.name(), discovering(places...)); err != nil {
				t.Error(err)
			}
			listing, err := references.List(ctx, node.db.ContentStore(), node.get(ctx, t, served.name()))
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range listing.References {
				if one.Sources&(native.SourceDigestTag|native.SourceReferrersTag|native.SourceReferrersAPI) != 0 {
					t.Errorf("%s is listed from %v", one.Descriptor.Digest, one.Sources.Names())
				}
			}
			p := requiring(policy.RequiredRefuse, "scan")
			p.Discover = places
			err = pull(ctx, served.name(), p)
			if err == nil || errdefs.IsPermissionDenied(err) || !strings.Contains(err.Error(), "500") || !strings.Contains(err.Error(), "scan") {
				t.Errorf("required: %v", err)
			}
			// What the index tells is enough by itself.
			p.Required = []string{"sbom"}
			if err := pull(ctx, served.name(), p); err != nil {
				t.Errorf("in the index: %v", err)
			}
		})
	}
}

// A registry may say no in many ways, and may have nothing.
func TestNothingElsewhere(t *testing.T) {
	for _, status := range []int{http.StatusNotFound, http.StatusBadRequest, http.StatusForbidden, http.StatusMethodNotAllowed} {
		served := serveEverywhere(t)
		served.Inject(func(w http.ResponseWriter, r *http.Request, target registry.Target) bool {
			about := target.Kind == "referrers" || strings.HasPrefix(target.Reference, "sha256-")
			return about && registry.Status(status)(w, r, target)
		})
		ctx, node := newNode(t)
		if err := node.pull(ctx, served.name(), discovering(policy.PlaceDigestTag, policy.PlaceReferrers, policy.PlaceCosign)); err != nil {
			t.Errorf("%d: %v", status, err)
			continue
		}
		fetched := imagelabels.Fetched(node.get(ctx, t, served.name()).Labels)
		slices.Sort(fetched)
		if !slices.Equal(fetched, served.from(inIndex...)) {
			t.Errorf("%d: fetched %v", status, fetched)
		}
	}
}

// What a stranger puts under tags does no harm: it is fetched for nobody and refused by nobody.
func TestHostileAnswersElsewhere(t *testing.T) {
	huge := func(w http.ResponseWriter, r *http.Request, _ registry.Target) bool {
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusOK)
			return true
		}
		for block := make([]byte, 1<<16); r.Context().Err() == nil; {
			if _, err := w.Write(block); err != nil {
				break
			}
		}
		return true
	}
	answers := map[string]registry.Fault{
		"endless":               huge,
		"not JSON":              registry.Body("application/json", []byte("<html>")),
		"nothing":               registry.Body("application/json", nil),
		"an empty object":       registry.Body("application/json", []byte("{}")),
		"deep":                  registry.Body("application/json", []byte(strings.Repeat("[", 5000))),
		"a bad entry":           registry.Body("application/json", []byte(`{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"sha256:..","size":-1}]}`)),
		"two ways to read":      registry.Body("application/json", []byte(`{"schemaVersion":2,"manifests":[],"manifests":[],"config":{},"layers":[]}`)),
		"a manifest of nothing": registry.Body("application/json", []byte(`{"schemaVersion":2,"config":{},"layers":[]}`)),
	}
	for name, answer := range answers {
		for _, place := range []policy.Place{policy.PlaceDigestTag, policy.PlaceReferrers, policy.PlaceCosign} {
			t.Run(name+"/"+string(place), func(t *testing.T) {
				served := serveEverywhere(t)
				served.Inject(func(w http.ResponseWriter, r *http.Request, target registry.Target) bool {
					about := target.Kind == "referrers" || strings.HasPrefix(target.Reference, "sha256-")
					return about && answer(w, r, target)
				})
				ctx, node := newNode(t)
				if err := node.pull(ctx, served.name(), discovering(place)); err != nil {
					t.Fatal(err)
				}
				fetched := imagelabels.Fetched(node.get(ctx, t, served.name()).Labels)
				slices.Sort(fetched)
				if !slices.Equal(fetched, served.from(inIndex...)) {
					t.Errorf("fetched %v", fetched)
				}
			})
		}
	}
}

// fails are the requests of one kind that a registry does not answer as it should.
func fails(kind string, with registry.Fault) registry.Fault {
	return func(w http.ResponseWriter, r *http.Request, target registry.Target) bool {
		tag := target.Kind == "manifests" && strings.HasPrefix(target.Reference, "sha256-")
		return (target.Kind == kind || kind == "tags of digests" && tag) && with(w, r, target)
	}
}

// Where a registry has no list of referrers, containerd takes what the digest's tag names, which may tell of other things; it reads the
// first of several pages, and forgets an error where there is no such tag. None of that is taken for the list.
func TestListOfReferrersIsNotGuessed(t *testing.T) {
	cases := map[string]struct {
		change  func(*everywhere)
		refused func(error) bool
	}{
		"no lists": {func(e *everywhere) { e.ServeReferrers(false) }, errdefs.IsPermissionDenied},
		"the list fails, and the tag is not there": {func(e *everywhere) {
			e.Inject(func(w http.ResponseWriter, r *http.Request, target registry.Target) bool {
				return fails("referrers", registry.Status(http.StatusBadGateway))(w, r, target) ||
					fails("tags of digests", registry.Status(http.StatusNotFound))(w, r, target)
			})
		}, errdefs.IsUnavailable},
		"two pages": {func(e *everywhere) { e.Page(1) }, errdefs.IsUnavailable},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			served := serveEverywhere(t)
			c.change(served)
			ctx, node := newNode(t)
			p := requiring(policy.RequiredRefuse, "scan")
			p.Discover = []policy.Place{policy.PlaceReferrers}
			if err := node.pull(ctx, served.name(), p); !c.refused(err) {
				t.Errorf("refused with %v", err)
			}
		})
	}
}

// One question that stays open takes nothing away from what the others find.
func TestWhatIsFoundStandsBesideAFailure(t *testing.T) {
	served := serveEverywhere(t)
	served.Inject(fails("referrers", registry.Status(http.StatusBadGateway)))
	ctx, node := newNode(t)
	p := requiring(policy.RequiredRefuse, "scan", "signature")
	p.Discover = []policy.Place{policy.PlaceDigestTag, policy.PlaceReferrers, policy.PlaceCosign}
	if err := node.pull(ctx, served.name(), p); err != nil {
		t.Error(err)
	}
}

// hostsFolder is one with a hosts.toml for a registry.
func hostsFolder(t *testing.T, host, toml string) string {
	t.Helper()
	dir := t.TempDir()
	own := filepath.Join(dir, host)
	if err := os.Mkdir(own, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(own, "hosts.toml"), []byte(toml), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Registries such as Nexus and Artifactory serve below a path of their own, and some send whoever asks for a list elsewhere.
func TestListOfReferrersBelowAPath(t *testing.T) {
	for way, redirects := range map[string]bool{"at once": false, "redirected": true} {
		t.Run(way, func(t *testing.T) {
			served := serveEverywhere(t)
			behind := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: served.Host()})
			front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				below, ok := strings.CutPrefix(r.URL.Path, "/repository/docker/v2/")
				list, elsewhere := strings.CutPrefix(r.URL.Path, "/lists/")
				switch {
				case elsewhere:
					r.URL.Path = "/v2/app/referrers/" + list
				case !ok:
					http.NotFound(w, r)
					return
				case redirects && strings.Contains(below, "/referrers/"):
					http.Redirect(w, r, "/lists/"+path.Base(below), http.StatusTemporaryRedirect)
					return
				default:
					r.URL.Path = "/v2/" + below
				}
				behind.ServeHTTP(w, r)
			}))
			t.Cleanup(front.Close)
			ctx, node := newNode(t)
			const name = "registry.example/app:v1"
			dir := hostsFolder(t, "registry.example", fmt.Sprintf("server = %q\n", front.URL+"/repository/docker"))
			from, err := source.NewOCIRegistry(ctx, name, source.WithHostDir(dir))
			if err != nil {
				t.Fatal(err)
			}
			p := requiring(policy.RequiredRefuse, "application/vnd.example.audit+json")
			p.Discover = []policy.Place{policy.PlaceReferrers}
			to := image.NewStore(name, image.WithPlatforms(amd64))
			if err := transfer.New(node.stock, node.db.ContentStore(), p, nil).Transfer(ctx, from, to); err != nil {
				t.Error(err)
			}
		})
	}
}

// A mirror that hosts.toml trusts for digests only is asked for no tag: what a tag names is its word alone.
func TestMirrorForDigestsIsAskedForNoTag(t *testing.T) {
	origin, mirror := serveEverywhere(t), serveEverywhere(t)
	dir := hostsFolder(t, origin.Host(),
		fmt.Sprintf("server = \"http://%s\"\n[host.\"http://%s\"]\ncapabilities = [\"pull\"]\n", origin.Host(), mirror.Host()))
	ctx, node := newNode(t)
	from, err := source.NewOCIRegistry(ctx, origin.name(), source.WithHostDir(dir))
	if err != nil {
		t.Fatal(err)
	}
	p := discovering(policy.PlaceDigestTag, policy.PlaceReferrers, policy.PlaceCosign)
	to := image.NewStore(origin.name(), image.WithPlatforms(amd64))
	if err := transfer.New(node.stock, node.db.ContentStore(), p, nil).Transfer(ctx, from, to); err != nil {
		t.Fatal(err)
	}
	if fetched := imagelabels.Fetched(node.get(ctx, t, origin.name()).Labels); len(fetched) <= len(origin.from(inIndex...)) {
		t.Errorf("fetched %v", fetched)
	}
	blobs := 0
	for _, request := range mirror.Counts().Log {
		if strings.Contains(request, " sha256-") || strings.Contains(request, " v1 ") || strings.Contains(request, "referrers") {
			t.Errorf("the mirror was asked: %s", request)
		}
		if strings.HasPrefix(request, "GET blobs ") {
			blobs++
		}
	}
	if blobs == 0 {
		t.Error("the mirror was not asked for blobs")
	}
}

// In CRI's namespace the name by digest keeps what is attached, too: the tag may move while pods run the image.
func TestNameByDigestKeepsWhatIsAttached(t *testing.T) {
	served := serveEverywhere(t)
	for _, root := range []digest.Digest{served.shape.Root.Digest, served.shape.Selected} {
		ctx, node := newNode(t)
		ctx = namespaces.WithNamespace(ctx, imagelabels.CRINamespace)
		pulled := served.Host() + "/app:v1"
		if root == served.shape.Selected {
			pulled = served.Host() + "/app@" + root.String()
		}
		if err := node.pull(ctx, pulled, discovering(policy.PlaceCosign)); err != nil {
			t.Fatal(err)
		}
		byDigest := node.get(ctx, t, served.Host()+"/app@"+root.String())
		if _, ok := imagelabels.Found(byDigest.Labels); !ok || len(imagelabels.Fetched(byDigest.Labels)) == 0 {
			t.Errorf("labels %v", byDigest.Labels)
		}
	}
}
