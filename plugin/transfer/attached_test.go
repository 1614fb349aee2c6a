// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/imagelabels"
	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/policy"
	nodes "github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

func fetchAll() policy.Policy {
	p := policy.Default()
	p.References = policy.ReferencesFetch
	return p
}

// contentOf is an artifact of a shape with its config and layers.
func contentOf(t testing.TB, shape shapes.Shape, artifact digest.Digest) []digest.Digest {
	t.Helper()
	manifest, err := native.ReadManifest(artifact.String(), shape.Blobs[artifact])
	if err != nil {
		t.Fatal(err)
	}
	all := []digest.Digest{artifact, manifest.Config.Digest}
	for _, layer := range manifest.Layers {
		all = append(all, layer.Digest)
	}
	return all
}

func TestFetchedReferencesLiveAsLongAsTheImage(t *testing.T) {
	for _, target := range []policy.ImageTarget{policy.TargetAuto, policy.TargetIndex, policy.TargetManifest} {
		t.Run(string(target), func(t *testing.T) {
			shape := shapes.ByName("artifact-first-same-platform")
			ctx, node := newNode(t)
			registry := serve(t, shape, nil)
			name := registry.name(":latest")
			p := fetchAll()
			p.ImageTarget = target
			if err := node.pull(ctx, name, p); err != nil {
				t.Fatal(err)
			}
			pulled := node.get(ctx, t, name)
			if root, _ := imagelabels.Root(pulled.Labels); root != shape.Root.Digest {
				t.Errorf("label names the root %q", root)
			}
			attached := contentOf(t, shape, shape.References[0])
			if fetched := imagelabels.Fetched(pulled.Labels); !slices.Equal(fetched, shape.References) {
				t.Errorf("labels name %v, want %v", fetched, shape.References)
			}
			node.collect(ctx, t)
			everything := append(attached, shape.Root.Digest, shape.Selected, shape.Configs[shape.Selected])
			for _, d := range everything {
				if !node.has(ctx, d) {
					t.Errorf("%s was collected while the image lives", d)
				}
			}
			if err := node.images.Delete(ctx, name); err != nil {
				t.Fatal(err)
			}
			node.collect(ctx, t)
			for _, d := range everything {
				if node.has(ctx, d) {
					t.Errorf("%s stayed after the image", d)
				}
			}
		})
	}
}

func TestPolicyDecidesWhatIsFetched(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	artifact := contentOf(t, shape, shape.References[0])
	cases := []struct {
		name   string
		change func(*policy.Policy)
		want   bool
	}{
		{"listed only", func(p *policy.Policy) { p.References = policy.ReferencesList }, false},
		{"none", func(p *policy.Policy) { p.References = policy.ReferencesNone }, false},
		{"fetched", func(*policy.Policy) {}, true},
		{"of its type", func(p *policy.Policy) { p.Types = []string{"other", "sbom"} }, true},
		{"of another type", func(p *policy.Policy) { p.Types = []string{"SBOM"} }, false},
		{"too large", func(p *policy.Policy) { p.MaxBytes = int64(len(shape.Blobs[artifact[0]])) }, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ctx, node := newNode(t)
			name := serve(t, shape, nil).name(":latest")
			p := fetchAll()
			c.change(&p)
			if err := node.pull(ctx, name, p); err != nil {
				t.Fatal(err)
			}
			if got := len(imagelabels.Fetched(node.get(ctx, t, name).Labels)) > 0; got != c.want {
				t.Errorf("fetched: %v", got)
			}
			node.collect(ctx, t)
			for _, d := range artifact {
				if node.has(ctx, d) != c.want {
					t.Errorf("%s is there: %v", d, !c.want)
				}
			}
		})
	}
}

// All references of an image have one limit together.
func TestPolicyBoundsAllReferencesOfAnImage(t *testing.T) {
	shape := shapes.ByName("multi-platform")
	var entries []ocispec.Descriptor
	for number := range 4 {
		content := []byte(fmt.Sprint(number) + strings.Repeat("x", 4000))
		entries = append(entries, nodes.About(nodes.Artifact(t, shape, "x/large", nodes.Piece{MediaType: "text/plain", Content: content}), shape.Selected, "large"))
	}
	shape = nodes.Attach(t, shape, entries...)
	ctx, node := newNode(t)
	name := serve(t, shape, nil).name(":latest")
	p := fetchAll()
	p.MaxBytesTotal = 12_000
	if err := node.pull(ctx, name, p); err != nil {
		t.Fatal(err)
	}
	for number, entry := range entries {
		if node.has(ctx, entry.Digest) != (number < 2) {
			t.Errorf("reference %d is here: %v", number, number >= 2)
		}
	}
}

// What is not available is warned about; the image is pulled.
func TestReferenceThatCannotBeFetched(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	parts := contentOf(t, shape, shape.References[0])
	answers := map[string]func(http.ResponseWriter){
		"missing": func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) },
		"failing": func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
		"wrong":   func(w http.ResponseWriter) { _, _ = w.Write([]byte("something else")) },
		"endless": func(w http.ResponseWriter) {
			for block := make([]byte, 1<<16); ; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		},
	}
	for name, answer := range answers {
		for i, part := range []string{"manifest", "config", "layer"} {
			t.Run(name+" "+part, func(t *testing.T) {
				ctx, node := newNode(t)
				registry := serve(t, shape, func(w http.ResponseWriter, r *http.Request) bool {
					if !strings.HasSuffix(r.URL.Path, parts[i].String()) {
						return false
					}
					answer(w)
					return true
				})
				image := registry.name(":latest")
				if err := node.pull(ctx, image, fetchAll()); err != nil {
					t.Fatal(err)
				}
				if fetched := imagelabels.Fetched(node.get(ctx, t, image).Labels); len(fetched) != 0 {
					t.Errorf("labels name %v", fetched)
				}
				if node.has(ctx, parts[i]) {
					t.Errorf("%s is there", parts[i])
				}
			})
		}
	}
}

// Up to the limit references are fetched, or tried; over it the pull ends before anything large is downloaded.
func TestNumberOfFetchedReferencesIsLimited(t *testing.T) {
	limit := int(native.DefaultLimits().FetchedReferences)
	for _, more := range []int{0, 1} {
		shape := shapes.ByName("artifact-first-same-platform").WithRoot(func(index *ocispec.Index) {
			entry := index.Manifests[slices.IndexFunc(index.Manifests, func(d ocispec.Descriptor) bool { return len(d.Annotations) > 0 })]
			for number := range limit - 1 + more {
				entry.Digest = digest.FromString(strconv.Itoa(number))
				index.Manifests = append(index.Manifests, entry)
			}
		})
		ctx, node := newNode(t)
		registry := serve(t, shape, nil)
		err := node.pull(ctx, registry.name(":latest"), fetchAll())
		if more == 0 && err != nil {
			t.Fatalf("%d references: %v", limit, err)
		}
		if more > 0 && (!errdefs.IsResourceExhausted(err) || !strings.Contains(err.Error(), "references")) {
			t.Fatalf("%d references: %v", limit+more, err)
		}
		if more > 0 && registry.asked(shape.References[0].String()) > 0 {
			t.Error("a reference was asked for")
		}
	}
}

func TestTwoImagesOfOneManifestKeepEachItsOwnIndex(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	other := shape.WithRoot(func(index *ocispec.Index) { index.Annotations = map[string]string{"other": "index"} })
	ctx, node := newNode(t)
	first, second := serve(t, shape, nil).name(":latest"), serve(t, other, nil).name(":latest")
	for _, name := range []string{first, second} {
		if err := node.pull(ctx, name, policy.Default()); err != nil {
			t.Fatal(err)
		}
	}
	node.collect(ctx, t)
	if !node.has(ctx, shape.Root.Digest) || !node.has(ctx, other.Root.Digest) {
		t.Fatal("an index was collected while its image lives")
	}
	if a, b := node.get(ctx, t, first).Target.Digest, node.get(ctx, t, second).Target.Digest; a != shape.Selected || b != a {
		t.Fatalf("targets %s and %s, want %s", a, b, shape.Selected)
	}
	if err := node.images.Delete(ctx, first); err != nil {
		t.Fatal(err)
	}
	node.collect(ctx, t)
	if node.has(ctx, shape.Root.Digest) || !node.has(ctx, other.Root.Digest) || !node.has(ctx, shape.Selected) {
		t.Fatal("removing one image must take its index and leave the other's")
	}
}

func TestPullingAgainAndAMovedTag(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	moved := shape.WithRoot(func(index *ocispec.Index) {
		index.Manifests = slices.DeleteFunc(index.Manifests, func(d ocispec.Descriptor) bool { return d.Digest == shape.References[0] })
	})
	ctx, node := newNode(t)
	registry := serve(t, shape, nil)
	name := registry.name(":latest")
	pull := func(p policy.Policy) images.Image {
		t.Helper()
		if err := node.pull(ctx, name, p); err != nil {
			t.Fatal(err)
		}
		return node.get(ctx, t, name)
	}
	fetched := imagelabels.Fetched(pull(fetchAll()).Labels)
	if again := imagelabels.Fetched(pull(policy.Default()).Labels); !slices.Equal(again, fetched) {
		t.Fatalf("pulling again left %v of %v", again, fetched)
	}
	before := registry.asked(shape.Selected.String())
	pull(policy.Default())
	if after := registry.asked(shape.Selected.String()); after != before {
		t.Errorf("what is here was asked for again")
	}
	registry.shape = moved
	labels := pull(policy.Default()).Labels
	if len(labels) != 0 {
		t.Fatalf("labels of the moved tag: %v", labels)
	}
	node.collect(ctx, t)
	if node.has(ctx, shape.Root.Digest) || node.has(ctx, fetched[0]) {
		t.Fatal("the old index or its references stayed")
	}
	registry.shape = shapes.ByName("single-manifest")
	registry.shape.Name = shape.Name
	if labels := pull(policy.Default()).Labels; len(labels) != 0 {
		t.Fatalf("labels of a single manifest: %v", labels)
	}
}

func TestKubernetesFindsTheIndexDigest(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	for _, namespace := range []string{"k8s.io", "test"} {
		ctx, node := newNode(t)
		ctx = namespaces.WithNamespace(ctx, namespace)
		registry := serve(t, shape, nil)
		if err := node.pull(ctx, registry.name(":latest"), policy.Default()); err != nil {
			t.Fatal(err)
		}
		byDigest := registry.name("@" + shape.Root.Digest.String())
		got, err := node.images.Get(ctx, byDigest)
		if namespace != "k8s.io" {
			if err == nil {
				t.Error("another namespace's records were added to")
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got.Target.Digest != shape.Selected || got.Labels["io.cri-containerd.image"] != "managed" || got.Labels[imagelabels.IndexLabel] != shape.Root.Digest.String() {
			t.Errorf("record %+v", got)
		}
		if err := node.images.Delete(ctx, registry.name(":latest")); err != nil {
			t.Fatal(err)
		}
		node.collect(ctx, t)
		if !node.has(ctx, shape.Root.Digest) {
			t.Error("the index went with the tag, its own name still stands")
		}
	}
}
