// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// TestHostileDocuments pulls every document of the cases through CRI, and what must be refused through the transfer service's own
// door, too: malformed digests in all places, JSON that can be read in two ways, wrong kinds, sizes and types. What a walk refuses
// is refused in the same words, and the daemon lives.
func TestHostileDocuments(t *testing.T) {
	daemon := refractDaemon(t)
	pid := daemon.PID()
	for _, shape := range shapes.PullableDocuments() {
		t.Run(shape.Name, func(t *testing.T) {
			repository := "documents/" + shape.Name
			shared.serving.Add(repository, shape, "latest")
			name := shared.serving.Host() + "/" + repository + ":latest"
			err := pull(t.Context(), daemon, "cri", name)
			if shape.Expect.Status != "ok" && !isManifestCalledIndex(t, shape) {
				refusedInWords(t, shape, "cri", err)
				refusedInWords(t, shape, "transfer", pull(t.Context(), daemon, "transfer", name))
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", shape.About, err)
			}
			if err := daemon.CRIRemove(t.Context(), name); err != nil {
				t.Error(err)
			}
		})
	}
	if err := daemon.Running(); err != nil || daemon.PID() != pid {
		t.Errorf("the daemon was process %d and is %d: %v", pid, daemon.PID(), err)
	}
	nothingStays(t, daemon, criNamespace)
}

// isManifestCalledIndex tells whether only the registry calls the root an index, which its bytes are not. A walk that is told so refuses
// it; a pull goes by the bytes.
func isManifestCalledIndex(t *testing.T, shape shapes.Shape) bool {
	t.Helper()
	var root struct{ Manifests, Config json.RawMessage }
	return shape.Expect.Status == "type mismatch" && json.Unmarshal(shape.Blobs[shape.Root.Digest], &root) == nil &&
		root.Manifests == nil && root.Config != nil
}

// TestBadDigestsThroughCRI puts each bad digest into each place where a digest stands, the one that once made containerd panic
// among them (CVE-2026-95839): refused, or listed as malformed while the image is pulled, and the daemon stays the same process.
func TestBadDigestsThroughCRI(t *testing.T) {
	daemon := refractDaemon(t)
	pid := daemon.PID()
	pulled, refused := 0, 0
	for _, shape := range shapes.BadDigestShapes() {
		repository := "bad-digests/" + shape.Name
		shared.serving.Add(repository, shape, "latest")
		name := shared.serving.Host() + "/" + repository + ":latest"
		err := pull(t.Context(), daemon, "cri", name)
		if shape.Expect.Status != "ok" {
			refused++
			refusedInWords(t, shape, "cri", err)
			continue
		}
		pulled++
		if err != nil {
			t.Errorf("%s: %v", shape.About, err)
			continue
		}
		if err := daemon.CRIRemove(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d pulled, %d refused", pulled, refused)
	if err := daemon.Running(); err != nil || daemon.PID() != pid {
		t.Errorf("the daemon was process %d and is %d: %v", pid, daemon.PID(), err)
	}
	nothingStays(t, daemon, criNamespace)
}

func refusedInWords(t *testing.T, shape shapes.Shape, way string, err error) {
	t.Helper()
	if err == nil {
		t.Fatalf("%s, %s: pulled, want %s", shape.About, way, shape.Expect.Status)
	}
	for _, word := range shape.Expect.ErrorContains {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %q does not say %q", way, err, word)
		}
	}
}

// ownRegistry is a registry of the test's own, with one shape in it.
func ownRegistry(t *testing.T, shape shapes.Shape) (*registry.Server, string) {
	t.Helper()
	server, err := registry.Listen()
	return serving(t, server, err, shape)
}

// privateRegistry is one that wants a secret.
func privateRegistry(t *testing.T, auth registry.Auth, shape shapes.Shape) (*registry.Server, string) {
	t.Helper()
	server, err := registry.ListenWithAuth(auth)
	return serving(t, server, err, shape)
}

func serving(t *testing.T, server *registry.Server, err error, shape shapes.Shape) (*registry.Server, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	server.Add(shape.Name, shape, "latest")
	return server, server.Host() + "/" + shape.Name + ":latest"
}

// TestBytesAreTheTruth: under the right headers come other bytes, of every document of a pull and of its layer. None is taken.
func TestBytesAreTheTruth(t *testing.T) {
	// A daemon of its own: it must not have the layer already.
	daemon := ownDaemon(t, harness.Config{})
	shape := byName(t, "artifact-first-same-platform")
	for what, of := range partsOf(shape) {
		for _, way := range ways {
			t.Run(what+"/"+way, func(t *testing.T) {
				server, name := ownRegistry(t, shape)
				other := []byte(strings.ToUpper(string(shape.Blobs[of])))
				server.Inject(registry.OnGet(of, registry.Body(shape.MediaTypes[of], other)))
				if err := pull(t.Context(), daemon, way, name); err == nil {
					t.Error("pulled")
				}
				nothingStays(t, daemon, namespaceOf(way))
			})
		}
	}
}

// partsOf are everything that pulling the shape's image takes.
func partsOf(shape shapes.Shape) map[string]digest.Digest {
	parts := map[string]digest.Digest{"index": shape.Root.Digest, "manifest": shape.Selected, "config": shape.Configs[shape.Selected]}
	for d := range shape.Blobs {
		if _, document := shape.MediaTypes[d]; !document && d != parts["config"] && len(shape.Blobs[d]) > 1<<16 {
			parts["layer"] = d
		}
	}
	return parts
}

// TestEndlessBodiesCostNoMemory: a body without an end is given up, and what was held of it is little.
func TestEndlessBodiesCostNoMemory(t *testing.T) {
	const most = 16 << 20
	daemon := ownDaemon(t, harness.Config{})
	shape := byName(t, "artifact-first-same-platform")
	server, name := ownRegistry(t, shape)
	const namespace = "endless"
	if err := daemon.Pull(t.Context(), namespace, name); err != nil {
		t.Fatal(err)
	}
	if _, err := daemon.Ctr(t.Context(), namespace, "images", "rm", "--sync", name); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"index", "manifest", "config"} {
		// The peak is counted from here.
		if err := programs.ForgetPeak(daemon.PID()); err != nil {
			t.Fatal(err)
		}
		before, _, err := daemon.Memory()
		if err != nil {
			t.Fatal(err)
		}
		of := partsOf(shape)[part]
		var sent atomic.Int64
		server.Inject(registry.OnGet(of, registry.Endless(shape.MediaTypes[of], &sent)))
		if err := daemon.Pull(t.Context(), namespace, name); err == nil || !strings.Contains(err.Error(), "size mismatch") {
			t.Errorf("%s: %v", part, err)
		}
		_, peak, err := daemon.Memory()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes were sent, memory grew by %d", part, sent.Load(), peak-before)
		if peak-before > most {
			t.Errorf("%s: memory grew by %d bytes, at most %d are allowed", part, peak-before, most)
		}
	}
}

// TestIndexBombIsBounded: seven indexes that list each other 64 times are read once each.
func TestIndexBombIsBounded(t *testing.T) {
	daemon := refractDaemon(t)
	shape := byName(t, hopeless)
	server, name := ownRegistry(t, shape)
	for _, way := range ways {
		server.Reset()
		if err := pull(t.Context(), daemon, way, name); err == nil {
			t.Errorf("%s: pulled", way)
		}
		if requests := server.Counts().Requests; requests > 256 {
			t.Errorf("%s: %d requests", way, requests)
		} else {
			t.Logf("%s: %d requests", way, requests)
		}
		nothingStays(t, daemon, namespaceOf(way))
	}
}

// TestBodiesAroundTheLimit: an index of 4 MiB is read and one of a byte more is not, however its length is told.
func TestBodiesAroundTheLimit(t *testing.T) {
	refractDaemon(t)
	for by := -1; by <= 1; by++ {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%+d/chunked %v", by, chunked), func(t *testing.T) {
				shape := padded(byName(t, "artifact-first-same-platform"), 4<<20+by)
				server, name := ownRegistry(t, shape)
				if chunked {
					server.Inject(registry.OnGet(shape.Root.Digest, func(w http.ResponseWriter, _ *http.Request, _ registry.Target) bool {
						w.Header().Set("Content-Type", shape.Root.MediaType)
						body := shape.Blobs[shape.Root.Digest]
						for len(body) > 0 {
							n := min(len(body), 1<<16)
							if _, err := w.Write(body[:n]); err != nil {
								break
							}
							_ = http.NewResponseController(w).Flush() // so that no length is told
							body = body[n:]
						}
						return true
					}))
				}
				for _, way := range ways {
					err := pullAndRun(t.Context(), &shared.refract, way, name, shape)
					if by <= 0 && err != nil {
						t.Errorf("%s: %v", way, err)
					}
					if by > 0 && (err == nil || !strings.Contains(err.Error(), "limit")) {
						t.Errorf("%s: %v", way, err)
					}
				}
			})
		}
	}
}

// padded makes a shape's index exactly so large, by spaces before its last bracket.
func padded(shape shapes.Shape, size int) shapes.Shape {
	changed := shape.WithRoot(func(*ocispec.Index) {})
	raw := changed.Blobs[changed.Root.Digest]
	grown := append(append(raw[:len(raw)-1:len(raw)-1], strings.Repeat(" ", size-len(raw))...), '}')
	delete(changed.Blobs, changed.Root.Digest)
	changed.Root.Digest, changed.Root.Size = digest.FromBytes(grown), int64(size)
	changed.Blobs[changed.Root.Digest], changed.MediaTypes[changed.Root.Digest] = grown, changed.Root.MediaType
	return changed
}
