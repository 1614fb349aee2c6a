// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"

	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/records"
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
			if found, ok := records.Found(node.get(ctx, t, served.name()).Labels); ok {
				t.Errorf("record %s", found)
			}
			p := requiring(policy.RequiredRefuse, "scan")
			p.Discover = places
			err := pull(ctx, served.name(), p)
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
		fetched := records.Fetched(node.get(ctx, t, served.name()).Labels)
		slices.Sort(fetched)
		if !slices.Equal(fetched, served.from(inIndex...)) {
			t.Errorf("%d: fetched %v", status, fetched)
		}
	}
}

// What a stranger puts under tags does no harm: it is fetched for nobody and refused by nobody.
func TestHostileAnswersElsewhere(t *testing.T) {
	huge := func(w http.ResponseWriter, r *http.Request, _ registry.Target) bool {
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
				fetched := records.Fetched(node.get(ctx, t, served.name()).Labels)
				slices.Sort(fetched)
				if !slices.Equal(fetched, served.from(inIndex...)) {
					t.Errorf("fetched %v", fetched)
				}
			})
		}
	}
}
