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
	fetch := policy.Policy{ImageTarget: policy.TargetIndex, References: policy.ReferencesFetch, Types: []string{"sbom", "signature"}, MaxBytes: 1000}
	cases := []struct {
		name   string
		config string
		want   policy.Policy
		words  []string // of the error
	}{
		{name: "nothing", want: policy.Default()},
		{name: "everything", want: fetch, config: "image_target = 'index'\nreferences = 'fetch'\ntypes = ['sbom', 'signature']\nmax_bytes = 1000"},
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
		{ImageTarget: policy.TargetManifest, References: policy.ReferencesFetch, Types: []string{"a"}, MaxBytes: 1},
	} {
		got, err := policy.Decode(p.Map())
		if err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("got %+v, %v, want %+v", got, err, p)
		}
	}
}
