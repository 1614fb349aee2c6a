// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package requests

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/registries"
	"github.com/refract-oci/refract/tests/shapes"
)

// TestEverySourceCanBeStored: each registry takes the image with all that is attached, and hands out the tags. Only one tells
// what has the image as its subject.
func TestEverySourceCanBeStored(t *testing.T) {
	shape, references := shapes.EverySource()
	for _, kind := range []registries.Kind{registries.Distribution, registries.Docker, registries.GoContainerRegistry} {
		t.Run(string(kind), func(t *testing.T) {
			r := registries.StartFor(t, registries.Options{Kind: kind})
			push(t, r, shape)
			for tag, d := range shape.DigestTags {
				if status, body := get(t, r, "/manifests/"+tag); status != http.StatusOK || body != string(shape.Blobs[d]) {
					t.Errorf("tag %s: %d, %q", tag, status, body)
				}
			}
			status, body := get(t, r, "/referrers/"+shape.Selected.String())
			if kind != registries.GoContainerRegistry {
				if status != http.StatusNotFound {
					t.Errorf("referrers: %d, %s", status, body)
				}
				return
			}
			var index ocispec.Index
			if err := json.Unmarshal([]byte(body), &index); err != nil || status != http.StatusOK {
				t.Fatalf("referrers: %d, %s: %v", status, body, err)
			}
			for _, reference := range references {
				want := reference.Subject == shape.Selected && slices.Contains(reference.Sources, "referrers-api")
				has := slices.ContainsFunc(index.Manifests, func(entry ocispec.Descriptor) bool { return entry.Digest == reference.Digest })
				if has != want {
					t.Errorf("%s is among the referrers: %v, want %v", reference.Digest, has, want)
				}
			}
		})
	}
}

// get reads something of the image's repository.
func get(t *testing.T, r *registries.Registry, path string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL()+"/v2/"+repository+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header["Accept"] = []string{ocispec.MediaTypeImageIndex, ocispec.MediaTypeImageManifest}
	client := r.Client()
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}
