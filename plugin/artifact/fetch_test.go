// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package artifact_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/artifact"
	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/tests/node"
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

func (b *blobs) index(t *testing.T, entries ...ocispec.Descriptor) ocispec.Descriptor {
	t.Helper()
	raw, err := json.Marshal(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: entries})
	if err != nil {
		t.Fatal(err)
	}
	return b.put(ocispec.MediaTypeImageIndex, raw)
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

func newStore(t *testing.T) (context.Context, content.Store) {
	t.Helper()
	ctx, one := node.New(t)
	return ctx, one.Content
}

func TestFetch(t *testing.T) {
	var registry blobs
	config := registry.put(ocispec.MediaTypeEmptyJSON, []byte("{}"))
	sbom := registry.put("application/spdx+json", []byte(`{"spdxVersion":"SPDX-2.3"}`))
	sbom.URLs = []string{"http://169.254.169.254/latest"}
	manifest := registry.manifest(t, config, sbom, config, sbom)
	manifest.Annotations = map[string]string{ocispec.AnnotationRefName: "../../x"}
	ctx, store := newStore(t)
	want := []digest.Digest{manifest.Digest, config.Digest, sbom.Digest}
	for range 2 {
		got, err := artifact.Fetch(ctx, store, registry.fetcher(), manifest, 1000)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("fetched %v, %v, want %v", got, err, want)
		}
		if !slices.Equal(registry.asked, want) {
			t.Fatalf("asked for %v, want each once", registry.asked)
		}
	}
	// Whoever keeps the manifest keeps the rest.
	info, err := store.Info(ctx, manifest.Digest)
	if err != nil {
		t.Fatal(err)
	}
	kept := slices.Sorted(maps.Values(info.Labels))
	for _, d := range want[1:] {
		if !slices.Contains(kept, d.String()) {
			t.Errorf("labels %v do not keep %s", info.Labels, d)
		}
	}
}

// An attached index comes with everything in it, indexes inside it too, and each part once.
func TestFetchOfAnIndex(t *testing.T) {
	var registry blobs
	config := registry.put(ocispec.MediaTypeEmptyJSON, []byte("{}"))
	one := registry.manifest(t, config, registry.put("text/plain", []byte("one")))
	other := registry.manifest(t, config, registry.put("text/plain", []byte("other")))
	inner := registry.index(t, one, other)
	outer := registry.index(t, inner, one)
	ctx, store := newStore(t)
	got, err := artifact.Fetch(ctx, store, registry.fetcher(), outer, 10_000)
	if err != nil || len(got) != len(registry.of) || got[0] != outer.Digest {
		t.Fatalf("fetched %v, %v, want all %d", got, err, len(registry.of))
	}
	for d := range registry.of {
		if _, err := store.Info(ctx, d); err != nil {
			t.Error(err)
		}
	}
	for parent, children := range map[digest.Digest][]ocispec.Descriptor{outer.Digest: {inner, one}, inner.Digest: {one, other}} {
		info, err := store.Info(ctx, parent)
		if err != nil {
			t.Fatal(err)
		}
		for _, child := range children {
			if !slices.Contains(slices.Collect(maps.Values(info.Labels)), child.Digest.String()) {
				t.Errorf("labels %v do not keep %s", info.Labels, child.Digest)
			}
		}
	}
}

// An empty file is content like any other, though there is nothing to download.
func TestFetchOfAnEmptyBlob(t *testing.T) {
	var registry blobs
	config := registry.put(ocispec.MediaTypeEmptyJSON, []byte("{}"))
	empty := registry.put("text/plain", nil)
	wrong := empty
	wrong.Digest = digest.FromString("something")
	for _, layer := range []ocispec.Descriptor{empty, wrong} {
		ctx, store := newStore(t)
		manifest := registry.manifest(t, config, layer)
		_, err := artifact.Fetch(ctx, store, registry.fetcher(), manifest, 1000)
		if isEmpty := layer.Digest == empty.Digest; isEmpty && err != nil || !isEmpty && !errdefs.IsDataLoss(err) {
			t.Errorf("%s: %v", layer.Digest, err)
		}
	}
}

// The number of blobs is bounded, and over it none is downloaded.
func TestFetchOfTooManyBlobs(t *testing.T) {
	most := int(native.DefaultLimits().ReferenceBlobs)
	for _, count := range []int{most - 1, most} {
		var registry blobs
		var layers []ocispec.Descriptor
		for i := range count {
			layers = append(layers, registry.put("text/plain", fmt.Append(nil, i)))
		}
		manifest := registry.manifest(t, layers[0], layers...)
		ctx, store := newStore(t)
		_, err := artifact.Fetch(ctx, store, registry.fetcher(), manifest, 0)
		if tooMany := count+1 > most; errors.Is(err, artifact.ErrTooLarge) != tooMany || tooMany && len(registry.asked) != 1 {
			t.Errorf("%d blobs: %v, %d requests", count+1, err, len(registry.asked))
		}
	}
}

func TestFetchOfWhatIsNoManifest(t *testing.T) {
	var registry blobs
	for _, mediaType := range []string{"application/octet-stream", ""} {
		blob := registry.put(mediaType, []byte("bytes of "+mediaType))
		ctx, store := newStore(t)
		got, err := artifact.Fetch(ctx, store, registry.fetcher(), blob, 1000)
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
		{"a negative size", sized(whole, -1), 0, errdefs.ErrInvalidArgument},
		{"sizes that overflow", registry.manifest(t, config, sized(layer, math.MaxInt64)), 0, errdefs.ErrInvalidArgument},
		{"a missing blob", registry.manifest(t, config, gone), 0, errdefs.ErrNotFound},
		{"a blob longer than promised", registry.manifest(t, config, sized(layer, 4)), 0, errdefs.ErrDataLoss},
		{"other bytes", ocispec.Descriptor{MediaType: whole.MediaType, Digest: gone.Digest, Size: 4}, 0, errdefs.ErrNotFound},
		{"a malformed digest", ocispec.Descriptor{MediaType: whole.MediaType, Digest: "sha256:../../etc/passwd", Size: 4}, 0, errdefs.ErrInvalidArgument},
		{"a malformed digest of a blob", ocispec.Descriptor{MediaType: "text/plain", Digest: "sha256:../../etc/passwd", Size: 4}, 0, errdefs.ErrInvalidArgument},
	}
	for _, c := range cases {
		ctx, store := newStore(t)
		if got, err := artifact.Fetch(ctx, store, registry.fetcher(), c.artifact, c.max); !errors.Is(err, c.kind) {
			t.Errorf("%s: fetched %v, %v", c.name, got, err)
		}
		// Where a manifest is, what it names is too.
		if _, err := store.Info(ctx, c.artifact.Digest); err == nil {
			t.Errorf("%s: the manifest was stored", c.name)
		}
	}
}

// Whoever downloads a blob is waited for while it gets on, and no longer.
func TestFetchWaitsForDownloadsThatGetOn(t *testing.T) {
	for _, getsOn := range []bool{false, true} {
		t.Run(fmt.Sprint("gets on: ", getsOn), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, store := newStore(t)
				var registry blobs
				config := registry.put(ocispec.MediaTypeEmptyJSON, []byte("{}"))
				raw := bytes.Repeat([]byte("sbom"), 10)
				blob := registry.put("application/spdx+json", raw)
				manifest := registry.manifest(t, config, blob)
				other, err := store.Writer(ctx, content.WithRef(remotes.MakeRefKey(ctx, blob)), content.WithDescriptor(blob))
				if err != nil {
					t.Fatal(err)
				}
				defer other.Close()
				ended := make(chan error, 1)
				go func() {
					_, err := artifact.Fetch(ctx, store, registry.fetcher(), manifest, 1000)
					ended <- err
				}()
				began := time.Now()
				if getsOn {
					for at := range raw {
						if _, err := other.Write(raw[at : at+1]); err != nil {
							t.Error(err)
						}
						<-time.After(artifact.Patience - time.Second)
					}
					if err := other.Commit(ctx, blob.Size, blob.Digest); err != nil {
						t.Error(err)
					}
				}
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
				if asked := slices.Contains(registry.asked, blob.Digest); asked == getsOn {
					t.Errorf("asked for it: %v", asked)
				}
				if took := time.Since(began); !getsOn && took > 2*artifact.Patience {
					t.Errorf("it took %s", took)
				}
				statuses, err := store.ListStatuses(ctx)
				if left := len(statuses); err != nil || left > 1 || getsOn && left > 0 {
					t.Errorf("ingests %v, %v", statuses, err)
				}
			})
		})
	}
}

// What is not committed of a writer that nobody else has goes with it.
func TestOpenAloneLeavesNothing(t *testing.T) {
	ctx, store := newStore(t)
	var registry blobs
	blob := registry.put("text/plain", []byte("text"))
	for _, written := range []string{"", "te", "test"} {
		writer, err := artifact.OpenAlone(ctx, store, blob)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := writer.Write([]byte(written)); err != nil {
			t.Error(err)
		}
		if len(written) == 4 {
			if err := writer.Commit(ctx, blob.Size, blob.Digest); !errdefs.IsFailedPrecondition(err) {
				t.Errorf("committed other bytes: %v", err)
			}
		}
		if err := writer.Close(); err != nil {
			t.Error(err)
		}
		if statuses, err := store.ListStatuses(ctx); err != nil || len(statuses) != 0 {
			t.Errorf("%q: ingests %v, %v", written, statuses, err)
		}
	}
}
