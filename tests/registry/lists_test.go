// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package registry_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

func serve(t *testing.T, shape shapes.Shape) *registry.Server {
	t.Helper()
	server, err := registry.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	server.Add("some/app", shape, "v1")
	return server
}

// pages follows the links from a path on, and returns the answers' bodies.
func pages[T any](t *testing.T, server *registry.Server, path string) []T {
	t.Helper()
	base, err := url.Parse("http://" + server.Host() + "/v2/some/app/")
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	for path != "" {
		if len(all) > 100 {
			t.Fatal("the links have no end")
		}
		next, err := base.Parse(path)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.Get(next.String())
		if err != nil {
			t.Fatal(err)
		}
		var one T
		err = json.NewDecoder(response.Body).Decode(&one)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", next, response.Status, err)
		}
		all = append(all, one)
		link := response.Header.Get("Link")
		path, _, _ = strings.Cut(strings.TrimPrefix(link, "<"), ">")
	}
	return all
}

func TestTagsComeInPages(t *testing.T) {
	shape, _ := shapes.EverySource()
	server := serve(t, shape)
	want := append(slices.Collect(maps.Keys(shape.DigestTags)), "v1")
	slices.Sort(want)
	for path, sizes := range map[string][]int{
		"tags/list": {7}, "tags/list?n=2": {2, 2, 2, 1}, "tags/list?n=0": {0}, "tags/list?n=7": {7}, "tags/list?last=v0": {1},
	} {
		var got []string
		var came []int
		for _, page := range pages[struct{ Tags []string }](t, server, path) {
			got, came = append(got, page.Tags...), append(came, len(page.Tags))
		}
		if !slices.Equal(came, sizes) || len(got) == len(want) && !slices.Equal(got, want) {
			t.Errorf("%s: %d, %q", path, came, got)
		}
	}
	server.Page(3)
	if got := pages[any](t, server, "tags/list?n=1000"); len(got) != 3 {
		t.Errorf("%d pages of 3: %v", len(got), got)
	}
}

func TestReferrersAreThoseWithTheSubject(t *testing.T) {
	shape, references := shapes.EverySource()
	server := serve(t, shape)
	path := "referrers/" + shape.Selected.String()
	response, err := http.Get("http://" + server.Host() + "/v2/some/app/" + path)
	if err != nil {
		t.Fatal(err)
	}
	if _ = response.Body.Close(); response.StatusCode != http.StatusNotFound {
		t.Errorf("not turned on: %s", response.Status)
	}
	server.ServeReferrers(true)
	var want []digest.Digest
	for _, one := range references {
		if one.Subject == shape.Selected && slices.Contains(one.Sources, "referrers-api") {
			want = append(want, one.Digest)
		}
	}
	slices.Sort(want)
	for _, size := range []int{0, 1, 2} {
		server.Page(size)
		var got []digest.Digest
		for _, page := range pages[ocispec.Index](t, server, path) {
			for _, entry := range page.Manifests {
				got = append(got, entry.Digest)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %v, want %v", size, got, want)
		}
	}
	server.Page(0)
	filtered := pages[ocispec.Index](t, server, path+"?artifactType="+url.QueryEscape("application/vnd.example.vex+json"))
	if len(filtered) != 1 || len(filtered[0].Manifests) != 1 {
		t.Errorf("of one type: %v", filtered)
	}
	if nothing := pages[ocispec.Index](t, server, "referrers/"+digest.FromString("nothing").String()); nothing[0].Manifests == nil || len(nothing[0].Manifests) > 0 {
		t.Errorf("of nothing: %v", nothing)
	}
}
