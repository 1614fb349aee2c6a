// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package artifact_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/artifact"
)

// blobs are what a registry has, and in which order it was asked.
type blobs struct {
	of    map[digest.Digest][]byte
	asked []digest.Digest
}

func (b *blobs) put(mediaType string, raw []byte) ocispec.Descriptor {
	d := digest.FromBytes(raw)
	if b.of == nil {
		b.of = map[digest.Digest][]byte{}
	}
	b.of[d] = raw
	return ocispec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(raw))}
}

func (b *blobs) manifest(t *testing.T, config ocispec.Descriptor, layers ...ocispec.Descriptor) ocispec.Descriptor {
	t.Helper()
	raw, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Config: config, Layers: layers,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.put(ocispec.MediaTypeImageManifest, raw)
}

func (b *blobs) fetcher() remotes.Fetcher {
	return remotes.FetcherFunc(func(_ context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
		if len(desc.URLs) > 0 || len(desc.Data) > 0 {
			return nil, errors.New("a fetcher was given more than what names the bytes")
		}
		b.asked = append(b.asked, desc.Digest)
		raw, ok := b.of[desc.Digest]
		if !ok {
			return nil, errdefs.ErrNotFound
		}
		return io.NopCloser(bytes.NewReader(raw)), nil
	})
}

func newStore(t *testing.T) content.Store {
	t.Helper()
	store, err := local.NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestFetch(t *testing.T) {
	var registry blobs
	config := registry.put(ocispec.MediaTypeEmptyJSON, []byte("{}"))
	sbom := registry.put("application/spdx+json", []byte(`{"spdxVersion":"SPDX-2.3"}`))
	sbom.URLs = []string{"http://169.254.169.254/latest"}
	manifest := registry.manifest(t, config, sbom, config, sbom)
	manifest.Annotations = map[string]string{ocispec.AnnotationRefName: "../../x"}
	store := newStore(t)
	want := []digest.Digest{manifest.Digest, config.Digest, sbom.Digest}
	for range 2 {
		got, err := artifact.Fetch(t.Context(), store, registry.fetcher(), manifest, 1000)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("fetched %v, %v, want %v", got, err, want)
		}
		if !slices.Equal(registry.asked, want) {
			t.Fatalf("asked for %v, want each once", registry.asked)
		}
	}
	parts, err := artifact.Blobs(t.Context(), store, manifest)
	if err != nil || len(parts) != 2 || parts[0].Digest != config.Digest || parts[1].Digest != sbom.Digest {
		t.Fatalf("blobs %v, %v", parts, err)
	}
}

func TestFetchOfWhatIsNoManifest(t *testing.T) {
	var registry blobs
	for _, mediaType := range []string{ocispec.MediaTypeImageIndex, "application/octet-stream", ""} {
		blob := registry.put(mediaType, []byte("bytes of "+mediaType))
		got, err := artifact.Fetch(t.Context(), newStore(t), registry.fetcher(), blob, 1000)
		if err != nil || !slices.Equal(got, []digest.Digest{blob.Digest}) {
			t.Errorf("%q: fetched %v, %v", mediaType, got, err)
		}
	}
}

func TestFetchRefuses(t *testing.T) {
	var registry blobs
	config := registry.put(ocispec.MediaTypeEmptyJSON, []byte("{}"))
	layer := registry.put("text/plain", []byte("layer"))
	whole := registry.manifest(t, config, layer)
	sized := func(d ocispec.Descriptor, size int64) ocispec.Descriptor {
		d.Size = size
		return d
	}
	gone := ocispec.Descriptor{MediaType: "text/plain", Digest: digest.FromString("gone"), Size: 4}
	cases := []struct {
		name     string
		artifact ocispec.Descriptor
		max      int64
		kind     error
	}{
		{"over the cap by itself", whole, whole.Size - 1, artifact.ErrTooLarge},
		{"over the cap with its blobs", whole, whole.Size + 6, artifact.ErrTooLarge},
		{"a manifest over the limit of documents", sized(whole, 5<<20), 0, errdefs.ErrResourceExhausted},
		{"a negative size", sized(whole, -1), 0, errdefs.ErrResourceExhausted},
		{"sizes that overflow", registry.manifest(t, config, sized(layer, math.MaxInt64)), 0, errdefs.ErrInvalidArgument},
		{"a missing blob", registry.manifest(t, config, gone), 0, errdefs.ErrNotFound},
		{"a blob longer than promised", registry.manifest(t, config, sized(layer, 4)), 0, errdefs.ErrDataLoss},
		{"other bytes", ocispec.Descriptor{MediaType: whole.MediaType, Digest: gone.Digest, Size: 4}, 0, errdefs.ErrNotFound},
		{"a malformed digest", ocispec.Descriptor{MediaType: whole.MediaType, Digest: "sha256:../../etc/passwd", Size: 4}, 0, errdefs.ErrInvalidArgument},
		{"a malformed digest of a blob", ocispec.Descriptor{MediaType: "text/plain", Digest: "sha256:../../etc/passwd", Size: 4}, 0, errdefs.ErrInvalidArgument},
	}
	for _, c := range cases {
		store := newStore(t)
		if got, err := artifact.Fetch(t.Context(), store, registry.fetcher(), c.artifact, c.max); !errors.Is(err, c.kind) {
			t.Errorf("%s: fetched %v, %v", c.name, got, err)
		}
		// Where a manifest is, what it names is too.
		if _, err := store.Info(t.Context(), c.artifact.Digest); err == nil {
			t.Errorf("%s: the manifest was stored", c.name)
		}
	}
}
