// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/pelletier/go-toml/v2"

	"github.com/refract-oci/refract/plugin/policy"
)

func TestDecode(t *testing.T) {
	fetch := policy.Policy{ImageTarget: policy.TargetIndex, References: policy.ReferencesFetch, Types: []string{"sbom", "signature"}, MaxBytes: 1000,
		Required: []string{"sbom"}, RequiredAction: policy.RequiredWarn}
	cases := []struct {
		name   string
		config string
		want   policy.Policy
		words  []string // of the error
	}{
		{name: "nothing", want: policy.Default()},
		{name: "everything", want: fetch, config: "image_target = 'index'\nreferences = 'fetch'\ntypes = ['sbom', 'signature']\nmax_bytes = 1000\n" +
			"required = ['sbom']\nrequired_action = 'warn'"},
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
		{name: "size's type", config: "max_bytes = '1GB'", words: []string{"max_bytes", "1GB"}},
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
		{ImageTarget: policy.TargetManifest, References: policy.ReferencesFetch, Types: []string{"a"}, MaxBytes: 1,
			Required: []string{"b"}, RequiredAction: policy.RequiredWarn},
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
		"h.example:5000/Team/App:v1":      {Required: []string{"signature"}},
		"h.example/team/app:v1":           {Required: []string{"sbom"}},
		"busybox":                         {Required: []string{"sbom"}, RequiredAction: policy.RequiredWarn},
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
		if got := p.For(image); !reflect.DeepEqual(got, whole) {
			t.Errorf("%s: %+v, want %+v", image, got, whole)
		}
	}
}

const d = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
