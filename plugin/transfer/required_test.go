// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/tests/shapes"
)

func requiring(action policy.RequiredAction, types ...string) policy.Policy {
	p := policy.Default()
	p.Required, p.RequiredAction = types, action
	return p
}

// about changes what the first reference of a shape says that it is about.
func about(subject string) func(*ocispec.Index) {
	return func(index *ocispec.Index) {
		for i := range index.Manifests {
			if _, marked := index.Manifests[i].Annotations["org.opencontainers.reference.digest"]; marked {
				index.Manifests[i].Annotations["org.opencontainers.reference.digest"] = subject
				return
			}
		}
	}
}

// listedAgain lists the first reference of a shape once more, as another type.
func listedAgain(kind string) func(*ocispec.Index) {
	return func(index *ocispec.Index) {
		again := index.Manifests[0]
		again.Annotations = maps.Clone(again.Annotations)
		again.Annotations["org.opencontainers.reference.type"] = kind
		index.Manifests = append(index.Manifests, again)
	}
}

// lostIndex lists a nested index that the registry does not have.
func lostIndex(index *ocispec.Index) {
	lost := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromString("lost"), Size: 4}
	index.Manifests = append([]ocispec.Descriptor{lost}, index.Manifests...)
}

// What is listed as attached to the selected image, or to an index around it, counts, and nothing else does; and nothing more is asked for
// than without the policy.
func TestRequiredReferences(t *testing.T) {
	base := shapes.ByName("artifact-first-same-platform")
	entries, err := base.Entries()
	if err != nil {
		t.Fatal(err)
	}
	foreign := entries[1]
	single := shapes.ByName("single-manifest")
	cases := []struct {
		name  string
		shape shapes.Shape
		types []string
		words []string // of the refusal; none: it is pulled
		reads bool     // only the artifact's own bytes tell
	}{
		{"there", base, []string{"sbom"}, nil, false},
		{"of an artifact type", base, []string{"application/spdx+json"}, nil, true},
		{"not there", base, []string{"signature"}, []string{"lacks", ": signature (attached: sbom", base.Selected.String(), "linux/amd64", base.Root.Digest.String()}, false},
		{"one of two", base, []string{"sbom", "signature"}, []string{": signature (attached: sbom"}, false},
		{"another case", base, []string{"SBOM"}, []string{": SBOM (attached: application/spdx+json, sbom"}, true},
		{"about the index that lists it", base.WithRoot(about("")), []string{"sbom"}, nil, true},
		{"of two types", base.WithRoot(listedAgain("signature")), []string{"sbom", "signature"}, nil, false},
		{"about another platform's image", base.WithRoot(about(foreign.Digest.String())), []string{"sbom"}, []string{": sbom (attached: nothing)", base.Selected.String()}, false},
		{"about something else", base.WithRoot(about(base.Configs[base.Selected].String())), []string{"sbom"}, []string{": sbom (attached: nothing"}, false},
		{"weak", base.WithRoot(about("sha256:" + strings.Repeat("0", 64))), []string{"sbom"}, []string{": sbom (attached: nothing"}, false},
		{"malformed", base.WithRoot(about("sha256:short")), []string{"sbom"}, []string{": sbom (attached: nothing"}, false},
		{"the walk ended before a nested index", shapes.ByName("match-first-then-nested"), []string{"sbom"}, []string{": sbom (attached: nothing; 1 nested index was not read)"}, false},
		{"a nested index is gone", base.WithRoot(lostIndex), []string{"signature"}, []string{": signature (attached: sbom; 1 nested index was not read)"}, false},
		{"single manifest", single, []string{"sbom"}, []string{"manifest " + single.Root.Digest.String() + " for linux/amd64 lacks", ": sbom (attached: nothing; it is in no index)"}, false},
		{"nothing attached", shapes.ByName("images-first"), []string{"provenance"}, []string{"provenance"}, false},
	}
	for _, c := range cases {
		for _, way := range []string{"transfer", "client"} {
			t.Run(c.name+"/"+way, func(t *testing.T) {
				requests := func(p policy.Policy) (int, error) {
					ctx, node := newNode(t)
					registry := serve(t, c.shape, nil)
					pull := node.pull(ctx, registry.name(":latest"), p)
					if way == "client" {
						pull = node.clientPull(ctx, t, registry.name(":latest"), p)
					}
					if _, err := node.images.Get(ctx, registry.name(":latest")); (err == nil) != (pull == nil) {
						t.Errorf("the pull ends with %v, the record with %v", pull, err)
					}
					return registry.asked(""), pull
				}
				without, err := requests(policy.Default())
				if err != nil {
					t.Fatal(err)
				}
				if c.reads {
					// containerd's resolver looks where a digest is before a client fetches it.
					without += map[string]int{"transfer": 1, "client": 2}[way]
				}
				asked, err := requests(requiring(policy.RequiredRefuse, c.types...))
				if len(c.words) == 0 && (err != nil || asked != without) {
					t.Errorf("%d requests, %v, want %d", asked, err, without)
				}
				if len(c.words) > 0 && (!errdefs.IsPermissionDenied(err) || asked >= without) {
					t.Errorf("%d requests, %v, want fewer than %d", asked, err, without)
				}
				for _, word := range c.words {
					if err != nil && !strings.Contains(err.Error(), word) {
						t.Errorf("the refusal lacks %q: %v", word, err)
					}
				}
				asked, err = requests(requiring(policy.RequiredWarn, c.types...))
				if err != nil || asked != without {
					t.Errorf("warned about: %d requests, %v, want %d", asked, err, without)
				}
			})
		}
	}
}
