// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
)

// store holds documents by digest, as a registry would.
type store map[digest.Digest][]byte

func (s store) put(t testing.TB, mediaType string, document any) ocispec.Descriptor {
	t.Helper()
	raw, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	descriptor := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	s[descriptor.Digest] = raw
	return descriptor
}

var amd64 = ocispec.Platform{OS: "linux", Architecture: "amd64"}

// artifactFirst is the case that stock containerd fails: an SBOM with the image's platform precedes the image.
func artifactFirst(t testing.TB) (store, ocispec.Descriptor, ocispec.Descriptor) {
	s := store{}
	config := s.put(t, ocispec.MediaTypeImageConfig, map[string]any{
		"os": "linux", "architecture": "amd64",
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digest.FromString("layer").String()}},
	})
	layer := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: digest.FromString("layer"), Size: 5}
	image := s.put(t, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Config: config, Layers: []ocispec.Descriptor{layer},
	})
	image.Platform = &amd64
	sbom := ocispec.Descriptor{
		MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("sbom"), Size: 99, Platform: &amd64,
		Annotations: map[string]string{
			"org.opencontainers.reference.digest": image.Digest.String(),
			"org.opencontainers.reference.type":   "sbom",
		},
	}
	root := s.put(t, ocispec.MediaTypeImageIndex, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{sbom, image},
	})
	return s, root, image
}

func TestWalkTellsWhetherItAcceptedWhatItWasFed(t *testing.T) {
	s, root, image := artifactFirst(t)
	walk := newWalk(t, native.RequestOptions{Platforms: []ocispec.Platform{amd64}})
	if _, err := walk.Begin(root.MediaType, root.Digest.String(), root.Size, s[root.Digest]); err != nil {
		t.Fatal(err)
	}
	if _, err := walk.Feed(s[image.Digest]); err != nil || !walk.HasAccepted() {
		t.Errorf("%v; accepted %v", err, walk.HasAccepted())
	}
	if _, err := walk.Feed([]byte("{}")); err == nil || walk.HasAccepted() {
		t.Errorf("%v; accepted %v", err, walk.HasAccepted())
	}
}

func newWalk(t testing.TB, options native.RequestOptions) *native.Walk {
	t.Helper()
	request, err := native.NewRequest(options)
	if err != nil {
		t.Fatal(err)
	}
	defer request.Close()
	walk, err := native.NewWalk(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(walk.Close)
	return walk
}

func finish(t testing.TB, walk *native.Walk, s store, root ocispec.Descriptor) error {
	t.Helper()
	need, err := walk.Begin(root.MediaType, root.Digest.String(), root.Size, s[root.Digest])
	for need != nil {
		if raw, held := s[need.Descriptor.Digest]; held {
			need, err = walk.Feed(raw)
		} else {
			need, err = walk.Missing("404 Not Found")
		}
	}
	return err
}

func TestWalkSelectsTheImageBehindAnArtifact(t *testing.T) {
	s, root, image := artifactFirst(t)
	walk := newWalk(t, native.RequestOptions{Platforms: []ocispec.Platform{amd64}})
	for range 3 {
		if err := finish(t, walk, s, root); err != nil {
			t.Fatal(err)
		}
		result, err := walk.Result()
		if err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		if len(result.Selections) != 1 || result.Selections[0].Manifest.Digest != image.Digest || result.Selections[0].Requested != 0 {
			t.Fatalf("selected %+v, want %s", result.Selections, image.Digest)
		}
		if platform := result.Selections[0].Manifest.Platform; platform == nil || platform.Architecture != "amd64" {
			t.Fatalf("platform %v", platform)
		}
		if len(result.Children) != 1 || result.Children[0] != (native.Place{Document: 0, Position: 1}) {
			t.Fatalf("children %v", result.Children)
		}
		if result.Documents[0].Place.Document != native.None || len(result.LeftOut) != 1 || result.References != 1 {
			t.Fatalf("result %+v", result)
		}
		references, err := walk.References()
		if err != nil {
			t.Fatal(err)
		}
		if len(references.List) != 1 || references.List[0].Type != "sbom" || references.List[0].Subject != image.Digest {
			t.Fatalf("references %+v", references.List)
		}
		if names := references.List[0].Sources.Names(); len(names) != 1 || names[0] != "index" {
			t.Fatalf("sources %v", names)
		}
		if len(references.Tree) != 3 || references.Tree[1].Flags != native.NodeSelected || references.Tree[2].Reference != 0 {
			t.Fatalf("tree %+v", references.Tree)
		}
		notes, err := walk.Notes()
		if err != nil || len(notes) != 1 || !strings.Contains(notes[0].Reason, "sbom") {
			t.Fatalf("notes %v, %v", notes, err)
		}
	}
}

func TestErrorsAreOfContainerdsKinds(t *testing.T) {
	s, root, _ := artifactFirst(t)
	arm := newWalk(t, native.RequestOptions{Platforms: []ocispec.Platform{{OS: "linux", Architecture: "arm64"}}})
	err := finish(t, arm, s, root)
	if !errdefs.IsNotFound(err) || !strings.Contains(err.Error(), "linux/arm64") {
		t.Fatalf("no match is %v", err)
	}
	if status, ok := native.StatusOf(err); !ok || status != native.StatusNoMatch || status.String() != "no match" {
		t.Fatalf("status %v %v", status, ok)
	}
	cases := []struct {
		name  string
		raw   string
		claim func(*ocispec.Descriptor)
		kind  error
	}{
		{"malformed", "{", nil, errdefs.ErrInvalidArgument},
		{"empty", "", nil, errdefs.ErrInvalidArgument},
		{"ambiguous", `{"manifests":[],"manifests":[]}`, nil, errdefs.ErrInvalidArgument},
		{"size", "{}", func(d *ocispec.Descriptor) { d.Size = 3 }, errdefs.ErrDataLoss},
		{"digest", "{}", func(d *ocispec.Descriptor) { d.Digest = digest.FromString("other") }, errdefs.ErrDataLoss},
		{"too large", "{" + strings.Repeat(" ", 5<<20) + "}", nil, errdefs.ErrResourceExhausted},
	}
	for _, c := range cases {
		root := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromString(c.raw), Size: int64(len(c.raw))}
		if c.claim != nil {
			c.claim(&root)
		}
		if _, err := arm.Begin(root.MediaType, root.Digest.String(), root.Size, []byte(c.raw)); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v is not %v", c.name, err, c.kind)
		}
	}
}

func TestClosedWalksAndRequests(t *testing.T) {
	s, root, _ := artifactFirst(t)
	request, err := native.NewRequest(native.RequestOptions{Platforms: []ocispec.Platform{amd64}})
	if err != nil {
		t.Fatal(err)
	}
	walk, err := native.NewWalk(request)
	if err != nil {
		t.Fatal(err)
	}
	// A walk keeps its request alive.
	request.Close()
	if err := finish(t, walk, s, root); err != nil {
		t.Fatal(err)
	}
	walk.Close()
	walk.Close()
	if _, err := walk.Begin("", "", 0, nil); !errdefs.IsInvalidArgument(err) {
		t.Fatalf("a closed walk: %v", err)
	}
	if _, err := walk.Result(); !errdefs.IsInvalidArgument(err) {
		t.Fatalf("a closed walk: %v", err)
	}
	if _, err := native.NewWalk(request); !errdefs.IsInvalidArgument(err) {
		t.Fatalf("a closed request: %v", err)
	}
}

func TestSmallThings(t *testing.T) {
	if err := native.CheckABI(); err != nil {
		t.Fatal(err)
	}
	if native.Version() == "" || native.SIMDKernel() == "" {
		t.Fatalf("version %q, kernel %q", native.Version(), native.SIMDKernel())
	}
	if limits := native.DefaultLimits(); limits.DocumentBytes != 4<<20 || limits.FetchedReferences != 1000 || limits.Entries != 10_000 {
		t.Fatalf("limits %+v", limits)
	}
	for mediaType, kind := range map[string]native.DocumentKind{
		ocispec.MediaTypeImageIndex:                                 native.KindIndex,
		ocispec.MediaTypeImageManifest:                              native.KindManifest,
		"application/vnd.docker.distribution.manifest.list.v2+json": native.KindIndex,
		"": native.KindOther, "text/plain": native.KindOther,
	} {
		if got := native.MediaTypeKind(mediaType); got != kind {
			t.Errorf("%q is of kind %d, want %d", mediaType, got, kind)
		}
	}
	if err := native.VerifyDigest(digest.FromString("a").String(), []byte("a")); err != nil {
		t.Fatal(err)
	}
	if err := native.VerifyDigest(digest.FromString("a").String(), []byte("b")); !errdefs.IsDataLoss(err) {
		t.Fatalf("wrong bytes: %v", err)
	}
	if err := native.VerifyDigest("sha256:../..", nil); err == nil {
		t.Fatal("a path is no digest")
	}
}

func TestMatchAndLess(t *testing.T) {
	request, err := native.NewRequest(native.RequestOptions{
		Match: native.Compatible, Platforms: []ocispec.Platform{{OS: "linux", Architecture: "arm64", Variant: "v8"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer request.Close()
	arm64 := ocispec.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}
	armv7 := ocispec.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}
	if !request.Match(arm64) || !request.Match(armv7) || request.Match(amd64) {
		t.Fatal("arm64 runs arm64 and arm/v7, and not amd64")
	}
	if !request.Less(arm64, armv7) || request.Less(armv7, arm64) {
		t.Fatal("arm64 is preferred to arm/v7")
	}
	features := ocispec.Platform{OS: "linux", Architecture: "arm64", OSFeatures: []string{"a", "b"}, OSVersion: "1"}
	if !request.Match(features) && request.Match(ocispec.Platform{}) {
		t.Fatal("features")
	}
}

func TestReadManifest(t *testing.T) {
	s, _, image := artifactFirst(t)
	manifest, err := native.ReadManifest(image.Digest.String(), s[image.Digest])
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Layers) != 1 || manifest.Config.MediaType != ocispec.MediaTypeImageConfig || manifest.Layers[0].Size != 5 {
		t.Fatalf("%+v", manifest)
	}
	if _, err := native.ReadManifest(image.Digest.String(), []byte("{}")); !errdefs.IsDataLoss(err) {
		t.Fatalf("other bytes: %v", err)
	}
}

func BenchmarkBegin(b *testing.B) {
	s, root, _ := artifactFirst(b)
	walk := newWalk(b, native.RequestOptions{Platforms: []ocispec.Platform{amd64}})
	raw := s[root.Digest]
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := walk.Begin(root.MediaType, root.Digest.String(), root.Size, raw); err != nil {
			b.Fatal(err)
		}
	}
}
