// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/pelletier/go-toml/v2"

	"github.com/refract-oci/refract/plugin/policy"
)

func TestDecode(t *testing.T) {
	fetch := policy.Policy{ImageTarget: policy.TargetIndex, References: policy.ReferencesFetch, Types: []string{"sbom", "signature"}, MaxBytes: 1000, MaxBytesTotal: 5000,
		Deadline: 90 * time.Second, MaxRequests: 7,
		Platforms: policy.PlatformsAll, Discover: []policy.Place{policy.PlaceCosign, policy.PlaceReferrers, policy.PlaceDigestTag}, Required: []string{"sbom"}, RequiredAction: policy.RequiredWarn}
	cases := []struct {
		name   string
		config string
		want   policy.Policy
		words  []string // of the error
	}{
		{name: "nothing", want: policy.Default()},
		{name: "everything", want: fetch, config: "image_target = 'index'\nreferences = 'fetch'\ntypes = ['sbom', 'signature']\nmax_bytes = 1000\nmax_bytes_total = 5000\n" +
			"deadline = '1m30s'\nmax_requests = 7\nplatforms = 'all'\ndiscover = ['cosign', 'referrers', 'digest-tag']\nrequired = ['sbom']\nrequired_action = 'warn'"},
		{name: "no types", config: "types = []", want: policy.Default()},
		{name: "unknown key", config: "reference = 'list'", words: []string{`"reference"`, "image_target", "max_bytes"}},
		{name: "case of a key", config: "References = 'list'", words: []string{`"References"`, "references"}},
		{name: "target", config: "image_target = 'manifests'", words: []string{"image_target", "manifests", `"auto"`, `"index"`, `"manifest"`}},
		{name: "target's type", config: "image_target = 1", words: []string{"image_target", "1"}},
		{name: "references", config: "references = 'all'", words: []string{"references", "all", `"none"`, `"list"`, `"fetch"`}},
		{name: "references' type", config: "references = true", words: []string{"references", "true"}},
		{name: "types' type", config: "types = 'sbom'", words: []string{"types", "sbom"}},
		{name: "a type's type", config: "types = ['sbom', 1]", words: []string{"types", "1"}},
		{name: "an empty type", config: "types = ['']", words: []string{"types"}},
		{name: "size", config: "max_bytes = 0", words: []string{"max_bytes", "0"}},
		{name: "negative size", config: "max_bytes = -1", words: []string{"max_bytes", "-1"}},
		{name: "size of all", config: "max_bytes_total = 0", words: []string{"max_bytes_total", "0"}},
		{name: "size's type", config: "max_bytes = '1GB'", words: []string{"max_bytes", "1GB"}},
		{name: "deadline", config: "deadline = '0s'", words: []string{"deadline", "0s", "above zero"}},
		{name: "a deadline before", config: "deadline = '-1s'", words: []string{"deadline", "-1s"}},
		{name: "a deadline without a unit", config: "deadline = '30'", words: []string{"deadline", `"30"`, `"30s"`}},
		{name: "deadline's type", config: "deadline = 30", words: []string{"deadline", "30"}},
		{name: "no requests", config: "max_requests = 0", words: []string{"max_requests", "0", "requests"}},
		{name: "requests' type", config: "max_requests = '200'", words: []string{"max_requests", "200"}},
		{name: "platforms", config: "platforms = 'linux/amd64'", words: []string{"platforms", "linux/amd64", `"own"`, `"all"`}},
		{name: "an unknown place", config: "discover = ['tags']", words: []string{"discover", "tags", `"digest-tag"`, `"referrers"`, `"cosign"`}},
		{name: "a place twice", config: "discover = ['cosign', 'cosign']", words: []string{"discover", "cosign", "once"}},
		{name: "discover's type", config: "discover = 'cosign'", words: []string{"discover", "cosign"}},
		{name: "required's type", config: "required = 'sbom'", words: []string{"required", "sbom"}},
		{name: "what to do", config: "required_action = 'deny'", words: []string{"required_action", "deny", `"refuse"`, `"warn"`}},
		{name: "rules' type", config: "rules = 'a'", words: []string{"rules", `"a"`, "tables"}},
		{name: "a rule without match", config: "[[rules]]\nreferences = 'none'", words: []string{"rules", "match", "null"}},
		{name: "a rule for a tag", config: "[[rules]]\nmatch = 'host/app:v1'", words: []string{"match", "host/app:v1"}},
		{name: "a rule for a URL", config: "[[rules]]\nmatch = 'https://host/*'", words: []string{"match", "https://host"}},
		{name: "a rule for a part of a name", config: "[[rules]]\nmatch = 'host.example/team*'", words: []string{"match", "team*"}},
		{name: "a short name", config: "[[rules]]\nmatch = 'busybox'", words: []string{"match", "busybox"}},
		{name: "two rules for one", config: "[[rules]]\nmatch = 'h.example/*'\n[[rules]]\nmatch = 'h.example/*'", words: []string{"two", "h.example/*"}},
		{name: "a rule's unknown key", config: "[[rules]]\nmatch = 'h.example/*'\nreference = 'none'", words: []string{`"h.example/*"`, `"reference"`}},
		{name: "a rule's value", config: "[[rules]]\nmatch = 'h.example/*'\nmax_bytes = 0", words: []string{`"h.example/*"`, "max_bytes"}},
		{name: "rules of a rule", config: "[[rules]]\nmatch = 'h.example/*'\n[[rules.rules]]\nmatch = 'h.example/a'", words: []string{`"h.example/*"`, "rules"}},
		{name: "size with a fraction", config: "max_bytes = 1.5", words: []string{"max_bytes", "1.5"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			read := map[string]any{}
			if err := toml.Unmarshal([]byte(c.config), &read); err != nil {
				t.Fatal(err)
			}
			got, err := policy.Decode(read)
			if len(c.words) == 0 {
				if err != nil || !reflect.DeepEqual(got, c.want) {
					t.Fatalf("got %+v, %v, want %+v", got, err, c.want)
				}
				return
			}
			if !errdefs.IsInvalidArgument(err) {
				t.Fatalf("error %v", err)
			}
			for _, word := range c.words {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("error %q lacks %s", err, word)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q takes several lines", err)
			}
		})
	}
}

func TestMapIsDecoded(t *testing.T) {
	for _, p := range []policy.Policy{
		policy.Default(),
		{ImageTarget: policy.TargetManifest, References: policy.ReferencesFetch, Types: []string{"a"}, MaxBytes: 1, MaxBytesTotal: 2, Deadline: time.Second, MaxRequests: 1,
			Platforms: policy.PlatformsAll, Discover: []policy.Place{policy.PlaceDigestTag}, Required: []string{"b"}, RequiredAction: policy.RequiredWarn},
		ruled(t),
	} {
		got, err := policy.Decode(p.Map())
		if err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("got %+v, %v, want %+v", got, err, p)
		}
	}
}

// ruled has rules of every kind.
func ruled(t *testing.T) policy.Policy {
	t.Helper()
	read := map[string]any{}
	if err := toml.Unmarshal([]byte(`
required = ["sbom"]
[[rules]]
match = "h.example:5000/*"
required = ["signature"]
[[rules]]
match = "h.example:5000/team/*"
references = "fetch"
[[rules]]
match = "h.example:5000/team/app"
required = []
[[rules]]
match = "docker.io/*"
required_action = "warn"
`), &read); err != nil {
		t.Fatal(err)
	}
	p, err := policy.Decode(read)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A rule keeps what the policy says that it is silent about; what says most about a repository counts.
func TestRules(t *testing.T) {
	p := ruled(t)
	for image, want := range map[string]policy.Policy{
		"h.example:5000/app:v1":           {Required: []string{"signature"}},
		"h.example:5000/team":             {Required: []string{"signature"}},
		"h.example:5000/team/other:v1":    {Required: []string{"sbom"}, References: policy.ReferencesFetch},
		"h.example:5000/team/app/x":       {Required: []string{"sbom"}, References: policy.ReferencesFetch},
		"h.example:5000/team/app:v1":      {},
		"h.example:5000/teams/app:v1":     {Required: []string{"signature"}},
		"h.example/team/app:v1":           {Required: []string{"sbom"}},
		"docker.io/busybox:latest":        {Required: []string{"sbom"}, RequiredAction: policy.RequiredWarn},
		"docker.io/library/busybox@" + d:  {Required: []string{"sbom"}, RequiredAction: policy.RequiredWarn},
		"h.example:5000/team/app:v1@" + d: {},
	} {
		whole := policy.Default()
		whole.Required = want.Required
		if want.References != "" {
			whole.References = want.References
		}
		if want.RequiredAction != "" {
			whole.RequiredAction = want.RequiredAction
		}
		if got, err := p.For(image); err != nil || !reflect.DeepEqual(got, whole) {
			t.Errorf("%s: %+v, %v, want %+v", image, got, err, whole)
		}
	}
}

// Whoever may choose the name of an image gets the same policy by each name that leads containerd to the same content.
func TestRulesSeeThroughSpellings(t *testing.T) {
	read := map[string]any{}
	if err := toml.Unmarshal([]byte(`
[[rules]]
match = "h.example/team/*"
required = ["signature"]
[[rules]]
match = "B\u00fccher.example./*"
required = ["signature"]
[[rules]]
match = "[::1]:443/*"
required = ["signature"]
[[rules]]
match = "10.0.0.1:05000/*"
required = ["signature"]
[[rules]]
match = "index.docker.io/library/busybox"
required = ["signature"]
`), &read); err != nil {
		t.Fatal(err)
	}
	p, err := policy.Decode(read)
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range []string{
		"h.example/team/app:v1", "H.Example/team/app:v1", "h.example:443/team/app:v1", "h.example:0443/team/app:v1", "h.example:/team/app:v1",
		"h.example./team/app:v1", "h.example.:443/team/app:v1", "h.example//team///app:v1", "h.example/./team/./app:v1", "h.example/te%61m/app:v1",
		"h.example/team%2Fapp:v1", "someone@h.example/team/app:v1", "\uff48.example/team/app:v1", "h\u3002example/team/app:v1",
		"b\u00fccher.example/app:v1", "xn--bcher-kva.example/app:v1", "XN--BCHER-KVA.example:443/app:v1",
		"[::1]/app:v1", "[0:0:0:0:0:0:0:1]/app:v1", "10.0.0.1:5000/app:v1", "[::ffff:10.0.0.1]:5000/app:v1",
		"docker.io/busybox:v1", "docker.io/library/busybox:v1", "index.docker.io/library/busybox:v1", "registry-1.docker.io/library/busybox:v1",
	} {
		if got, err := p.For(image); err != nil || len(got.Required) != 1 {
			t.Errorf("%s: %+v, %v", image, got, err)
		}
	}
	// None of these is a repository with a tag or digest; in a URL some would lead to one that another rule is for.
	for _, image := range []string{
		"h.example/other/x:v1/../../../team/app/manifests/v1", "h.example/other/%2e%2e/team/app:v1", "h.example/other/%252e%252e/team/app:v1",
		"h.example/Team/app:v1", "h.example/team/app%3Fx:v1", "h.example/team\\app:v1", "h.example/team/app@sha256:12",
		"h.example:70000/team/app:v1", "h.example", "h.example/:v1", "",
	} {
		got, err := p.For(image)
		if !errdefs.IsInvalidArgument(err) || !strings.Contains(err.Error(), fmt.Sprintf("%q", image)) {
			t.Errorf("%s: %+v, %v", image, got, err)
		}
		// Without rules there is nothing to get round.
		if _, err := policy.Default().For(image); err != nil {
			t.Errorf("%s: %v", image, err)
		}
	}
}

func TestRulesForOneRegistryInTwoSpellings(t *testing.T) {
	read := map[string]any{}
	if err := toml.Unmarshal([]byte("[[rules]]\nmatch = 'h.example/*'\n[[rules]]\nmatch = 'H.example:443/*'"), &read); err != nil {
		t.Fatal(err)
	}
	if _, err := policy.Decode(read); !errdefs.IsInvalidArgument(err) || !strings.Contains(err.Error(), `"h.example/*"`) {
		t.Errorf("error %v", err)
	}
}

const d = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
