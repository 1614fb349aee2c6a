// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package requests

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/refract-oci/refract/tests/registries"
	"github.com/refract-oci/refract/tests/shapes"
)

// repository is where each test finds its image, as "v1".
const repository = "some/app"

func push(t *testing.T, r *registries.Registry, shape shapes.Shape) {
	t.Helper()
	if err := r.Push(t.Context(), repository, shape, "v1"); err != nil {
		t.Fatal(err)
	}
}

// counted are the requests since the last call.
func counted(t *testing.T, r *registries.Registry) registries.Counts {
	t.Helper()
	counts, err := r.Counts()
	if err != nil {
		t.Fatal(err)
	}
	return counts
}

// oneConnection: all requests came by HTTP/2, and on one connection to each host and port.
func oneConnection(t *testing.T, counts registries.Counts) {
	t.Helper()
	if counts.Connections != 1 || counts.TokenConnections != min(1, len(counts.TokenRequests)) {
		t.Errorf("more than one connection: %s", counts)
	}
	for _, request := range append(counts.Requests, counts.TokenRequests...) {
		if request.Protocol != "HTTP/2.0" {
			t.Errorf("not by HTTP/2: %s", request)
		}
	}
}

// TestLookup: the config behind a tag costs the three documents; a registry that asks for a login, its refusal too; and one
// that sends to a token server, the token too. No peer needs less.
func TestLookup(t *testing.T) {
	lookups, err := registries.Lookups()
	if err != nil {
		t.Fatal(err)
	}
	shape := shapes.ByName("images-first") // which peers read right, too
	platform := shape.Expect.Selections[0].Platform
	for _, kind := range []registries.Kind{registries.Distribution, registries.Docker} {
		content := t.TempDir()
		push(t, registries.StartFor(t, registries.Options{Kind: kind, Content: content}), shape)
		for login, want := range map[registries.Login]int{
			registries.Anonymous: 3, registries.Basic: 4, registries.Bearer: 5, registries.PublicToken: 5,
		} {
			t.Run(strings.TrimSuffix(string(kind)+"/"+string(login), "/"), func(t *testing.T) {
				r := registries.StartFor(t, registries.Options{Kind: kind, Login: login, Content: content})
				costs := map[string]int{}
				for _, lookup := range lookups {
					output, err := lookup.Run(t.Context(), r, platform, repository+":v1")
					if err != nil {
						t.Error(err)
					}
					counts := counted(t, r)
					costs[lookup.Name] = counts.Total()
					if lookup.Name != "refract" {
						sameJob(t, lookup.Name, output, shape)
						continue // crane opens a second connection now and then
					}
					oneConnection(t, counts)
					if counts.Total() != want {
						t.Errorf("refract: want %d requests, there were %s", want, counts)
					}
					if !strings.Contains(output, shape.Selected.String()) {
						t.Errorf("refract prints %q", output)
					}
				}
				t.Logf("requests: %v", costs)
				for name, cost := range costs {
					if cost < costs["refract"] {
						t.Errorf("%s needs %d requests, refract %d", name, cost, costs["refract"])
					}
				}
			})
		}
	}
}

// sameJob: the peer came to the config of the image that refract selects.
func sameJob(t *testing.T, peer, output string, shape shapes.Shape) {
	t.Helper()
	var got, want any
	if err := json.Unmarshal(shape.Blobs[shape.Configs[shape.Selected]], &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(output), &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s prints %q: %v", peer, output, err)
	}
}
