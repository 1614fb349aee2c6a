// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"archive/tar"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/shapes"
)

// lure is a server beside the registry that has what images name in their descriptors' `urls`.
type lure struct {
	*httptest.Server
	mu    sync.Mutex
	blobs map[digest.Digest][]byte
	asked []string
}

func newLure(t *testing.T) *lure {
	t.Helper()
	made := &lure{blobs: map[digest.Digest][]byte{}}
	made.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		made.mu.Lock()
		made.asked = append(made.asked, r.Method+" "+r.URL.Path)
		content := made.blobs[digest.Digest(strings.TrimPrefix(r.URL.Path, "/"))]
		made.mu.Unlock()
		_, _ = w.Write(content)
	}))
	t.Cleanup(made.Close)
	return made
}

func (l *lure) requests() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

// urls are where the lure has a blob, spelled in a few ways.
func (l *lure) urls(of ocispec.Descriptor, content []byte) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.blobs[of.Digest] = content
	port := l.URL[strings.LastIndex(l.URL, ":"):]
	return []string{l.URL + "/" + of.Digest.String(), "http://localhost" + port + "/" + of.Digest.String(), "HTTP://127.0.0.1" + port + "/" + of.Digest.String()}
}

// lured rebuilds a shape so that every descriptor in it says that the lure has its bytes. Each layer and config is a new one: no daemon
// has it already.
func lured(t *testing.T, shape shapes.Shape, to *lure, note string) shapes.Shape {
	t.Helper()
	changed := shape.WithRoot(func(*ocispec.Index) {})
	delete(changed.Blobs, changed.Root.Digest)
	add := func(of *ocispec.Descriptor, content []byte) {
		of.Digest, of.Size = digest.FromBytes(content), int64(len(content))
		of.URLs = to.urls(*of, content)
		changed.Blobs[of.Digest] = content
	}
	moved := map[string]string{}
	root := shape.WithRoot(func(index *ocispec.Index) {
		for i := range index.Manifests {
			entry := &index.Manifests[i]
			var manifest ocispec.Manifest
			fromJSON(t, shape.Blobs[entry.Digest], &manifest)
			content := shape.Blobs[manifest.Config.Digest]
			if manifest.Config.MediaType == ocispec.MediaTypeImageConfig {
				layer, diffID, err := shapes.Pack([]shapes.File{{Header: tar.Header{Name: "note", Typeflag: tar.TypeReg, Mode: 0o644}, Content: []byte(note + entry.Digest.String())}})
				if err != nil {
					t.Fatal(err)
				}
				further := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip}
				add(&further, layer)
				manifest.Layers[0].URLs = to.urls(manifest.Layers[0], shape.Blobs[manifest.Layers[0].Digest])
				manifest.Layers = append(manifest.Layers, further)
				var config ocispec.Image
				fromJSON(t, content, &config)
				config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, diffID)
				content = asJSON(t, config)
			} else {
				add(&manifest.Layers[0], append([]byte(note), shape.Blobs[manifest.Layers[0].Digest]...))
			}
			add(&manifest.Config, content)
			before := entry.Digest
			add(entry, asJSON(t, manifest))
			moved[before.String()], changed.MediaTypes[entry.Digest] = entry.Digest.String(), entry.MediaType
			if before == shape.Selected {
				changed.Selected = entry.Digest
			}
		}
		for _, entry := range index.Manifests {
			for key, value := range entry.Annotations {
				if now, ok := moved[value]; ok {
					entry.Annotations[key] = now
				}
			}
		}
	})
	changed.Root, changed.References = root.Root, nil
	for _, of := range shape.References {
		changed.References = append(changed.References, digest.Digest(moved[of.String()]))
	}
	changed.Blobs[root.Root.Digest], changed.MediaTypes[root.Root.Digest] = root.Blobs[root.Root.Digest], root.Root.MediaType
	return changed
}

func fromJSON(t *testing.T, raw []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

func asJSON(t *testing.T, value any) []byte {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestURLsOfDescriptorsAreNotAsked: an image says of each of its blobs that a service on the node's own loopback address has it. The
// registry alone is asked, whoever pulls and whatever for; a plain containerd asks the other service, each time.
func TestURLsOfDescriptorsAreNotAsked(t *testing.T) {
	fetching := ownDaemon(t, harness.Config{Policy: "references = \"fetch\""})
	front := start(t, harness.StartBehindRefractd, harness.Config{Policy: "references = \"fetch\""})
	type way struct {
		name   string
		daemon *harness.Daemon
		stock  bool
		by     string
		flags  []string
	}
	var all []way
	for _, by := range ways {
		all = append(all, way{by, refractDaemon(t), false, by, nil}, way{"fetching " + by, fetching, false, by, nil},
			way{"stock " + by, stockDaemon(t), true, by, nil})
	}
	all = append(all, way{"refractd", behindDaemon(t), false, "cri", nil}, way{"refractd, fetching", front, false, "cri", nil})
	for _, by := range []string{"transfer", "local"} {
		all = append(all, way{by + " of all platforms", refractDaemon(t), false, by, []string{"--all-platforms"}},
			way{by + " of two platforms", refractDaemon(t), false, by, []string{"--platform", "linux/amd64", "--platform", "linux/arm64"}})
	}
	for _, name := range []string{"artifact-first-same-platform", "multi-platform"} {
		for _, one := range all {
			t.Run(name+"/"+one.name, func(t *testing.T) {
				to := newLure(t)
				shape := lured(t, byName(t, name), to, t.Name())
				server, image := ownRegistry(t, shape)
				var err error
				if one.by == "cri" {
					err = pull(t.Context(), one.daemon, one.by, image)
				} else {
					flags := one.flags
					if one.by == "local" {
						flags = append([]string{"--local", "--snapshotter", one.daemon.Snapshotter}, flags...)
					}
					err = one.daemon.Pull(t.Context(), namespaceOf(one.by), image, flags...)
				}
				if one.stock {
					if len(to.requests()) == 0 {
						t.Errorf("a plain containerd asked nothing of the other service: this proves nothing (%v)", err)
					}
					t.Logf("stock asked %d times, %v", len(to.requests()), err)
					// What came of it does not matter.
					_ = remove(t.Context(), one.daemon, one.by, image)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if one.by != "cri" && len(shape.References) > 0 {
					if _, err := quiet(t.Context(), one.daemon, namespaceOf(one.by), "references", "fetch", "--plain-http", image); err != nil {
						t.Error(err)
					}
				}
				if asked := to.requests(); len(asked) > 0 {
					t.Errorf("the other service was asked %d times: %q", len(asked), asked)
				}
				if requests := server.Counts().Requests; requests < 4 {
					t.Errorf("the registry was asked %d times", requests)
				}
				if err := remove(t.Context(), one.daemon, one.by, image); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
