// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/remotes"
	ctransfer "github.com/containerd/containerd/v2/core/transfer"
	"github.com/containerd/containerd/v2/core/transfer/image"
	"github.com/containerd/containerd/v2/core/transfer/registry"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/transfer"
	"github.com/refract-oci/refract/tests/shapes"
)

// Only the registry's last word lets a search go on. What may be different with the next try ends the pull.
func TestAnswersThatDecideAndAnswersThatDoNot(t *testing.T) {
	shape := shapes.ByName("image-without-platform-after-missing")
	var gone digest.Digest
	for gone = range shape.Absent {
		break
	}
	for status, decides := range map[int]bool{
		http.StatusNotFound: true, http.StatusForbidden: true, http.StatusGone: true, http.StatusBadRequest: true,
		http.StatusRequestTimeout: false, http.StatusTooEarly: false, http.StatusTooManyRequests: false,
		http.StatusInternalServerError: false, http.StatusBadGateway: false, http.StatusServiceUnavailable: false,
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			ctx, node := newNode(t)
			registry := serve(t, shape, func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, gone.String()) {
					return false
				}
				w.WriteHeader(status)
				return true
			})
			err := node.pull(ctx, registry.name(":latest"), policy.Default())
			if decides && err != nil || !decides && err == nil {
				t.Fatalf("error %v", err)
			}
			if !decides && errdefs.IsNotFound(err) {
				t.Errorf("%v reads as if the image were not there", err)
			}
		})
	}
}

// What is read is bounded by what was promised, whatever the registry sends.
func TestEndlessBodies(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	for name, d := range map[string]digest.Digest{
		"index": shape.Root.Digest, "manifest": shape.Selected, "config": shape.Configs[shape.Selected],
	} {
		t.Run(name, func(t *testing.T) {
			ctx, node := newNode(t)
			var sent atomic.Int64
			registry := serve(t, shape, func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodHead || !strings.HasSuffix(r.URL.Path, d.String()) {
					return false
				}
				for block := make([]byte, 1<<16); ; {
					n, err := w.Write(block)
					sent.Add(int64(n))
					if err != nil {
						return true
					}
				}
			})
			err := node.pull(ctx, registry.name(":latest"), policy.Default())
			if !errdefs.IsDataLoss(err) || !strings.Contains(err.Error(), "size mismatch") || !strings.Contains(err.Error(), d.String()) {
				t.Fatalf("error %v", err)
			}
			// What was sent beyond the promised size only filled the sockets' buffers.
			if sent := sent.Load(); sent > 16<<20 {
				t.Errorf("%d bytes were taken", sent)
			}
		})
	}
}

// A pull that ends early leaves no record, and the next one works.
func TestCancelledPull(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	for name, d := range map[string]digest.Digest{
		"at the index": shape.Root.Digest, "at the manifest": shape.Selected, "at the config": shape.Configs[shape.Selected],
		"at a reference": shape.References[0],
	} {
		t.Run(name, func(t *testing.T) {
			base, node := newNode(t)
			ctx, cancel := context.WithCancel(base)
			defer cancel()
			var cancelled atomic.Bool
			registry := serve(t, shape, func(_ http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodHead || !strings.HasSuffix(r.URL.Path, d.String()) || cancelled.Swap(true) {
					return false
				}
				cancel()
				<-r.Context().Done()
				return true
			})
			if err := node.pull(ctx, registry.name(":latest"), fetchAll()); !errors.Is(err, context.Canceled) {
				t.Fatalf("error %v", err)
			}
			if all, err := node.images.List(base); err != nil || len(all) != 0 {
				t.Fatalf("records %v, %v", all, err)
			}
			if err := node.pull(base, registry.name(":latest"), fetchAll()); err != nil {
				t.Fatalf("the next pull: %v", err)
			}
		})
	}
}

// Pulls of one image at the same time share what they download, in one namespace and over several.
func TestPullsAtTheSameTime(t *testing.T) {
	shape := shapes.ByName("artifacts-before-nested")
	ctx, node := newNode(t)
	registry := serve(t, shape, nil)
	var pulling errgroup.Group
	for i := range 12 {
		ctx := namespaces.WithNamespace(ctx, fmt.Sprintf("namespace-%d", i%3))
		pulling.Go(func() error { return node.pull(ctx, registry.name(":latest"), fetchAll()) })
	}
	if err := pulling.Wait(); err != nil {
		t.Fatal(err)
	}
	// And where another namespace has everything, nothing is asked for but the tag.
	before := registry.asked("")
	if err := node.pull(namespaces.WithNamespace(ctx, "late"), registry.name(":latest"), policy.Default()); err != nil {
		t.Fatal(err)
	}
	if asked := registry.asked("") - before; asked != 1 {
		t.Errorf("%d requests for what is here", asked)
	}
}

// What an interrupted pull left of a document is not trusted.
func TestHalfADocumentIsLeft(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	ctx, node := newNode(t)
	for _, d := range []digest.Digest{shape.Root.Digest, shape.Selected} {
		desc := ocispec.Descriptor{MediaType: shape.MediaTypes[d], Digest: d, Size: int64(len(shape.Blobs[d]))}
		writer, err := content.OpenWriter(ctx, node.db.ContentStore(), content.WithRef(remotes.MakeRefKey(ctx, desc)), content.WithDescriptor(desc))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := writer.Write([]byte("garbage")); err != nil {
			t.Fatal(err)
		}
		if err := writer.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := node.pull(ctx, serve(t, shape, nil).name(":latest"), policy.Default()); err != nil {
		t.Fatal(err)
	}
}

// stub is a transfer service reduced to the order in which containerd calls source and destination.
type stub struct{}

func (stub) Transfer(ctx context.Context, from, to any, _ ...ctransfer.Opt) error {
	fetcher, ok := from.(ctransfer.ImageFetcher)
	if !ok {
		return errdefs.ErrNotImplemented
	}
	name, _, err := fetcher.Resolve(ctx)
	if err != nil {
		return err
	}
	if _, err = fetcher.Fetcher(ctx, name); err != nil {
		return err
	}
	if _, ok := to.(ctransfer.ImageStorer); !ok {
		return errdefs.ErrNotImplemented
	}
	return nil
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestFailedPullsLeakNothing(t *testing.T) {
	pulls := 10_000
	if testing.Short() {
		pulls = 200
	}
	shape := shapes.ByName("refused-only-artifacts")
	ctx, node := newNode(t)
	server := serve(t, shape, nil)
	// containerd's resolver makes connections of its own for each pull and lets go of them when they were idle for long.
	server.Config.SetKeepAlivesEnabled(false)
	service := transfer.New(stub{}, node.db.ContentStore(), policy.Default(), nil)
	from, err := registry.NewOCIRegistry(ctx, server.name(":latest"), registry.WithDefaultScheme("http"))
	if err != nil {
		t.Fatal(err)
	}
	to := image.NewStore(server.name(":latest"), image.WithPlatforms(amd64))
	once := func(ctx context.Context) {
		if err := service.Transfer(ctx, from, to); err == nil {
			t.Error("pulled")
		}
	}
	once(ctx)
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	var pulling errgroup.Group
	pulling.SetLimit(8)
	for i := range pulls {
		pulling.Go(func() error {
			pullCtx, cancel := context.WithCancel(ctx)
			defer cancel()
			if i%10 == 0 {
				cancel()
			}
			once(pullCtx)
			return nil
		})
	}
	if err := pulling.Wait(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > goroutines+5 || descriptors(t) > files+5 {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines and %d files, %d and %d before", runtime.NumGoroutine(), descriptors(t), goroutines, files)
		}
		runtime.Gosched()
	}
}

// What is no pull from a registry is passed on as it came.
func TestEverythingElsePassesThrough(t *testing.T) {
	ctx := namespaces.WithNamespace(t.Context(), "test")
	var got [2]any
	inner := transferFunc(func(_ context.Context, from, to any) error {
		got = [2]any{from, to}
		return io.EOF
	})
	service := transfer.New(inner, nil, policy.Default(), nil)
	store := image.NewStore("host/repo:tag")
	reg, err := registry.NewOCIRegistry(ctx, "host/repo:tag")
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]any{{store, reg}, {store, store}, {reg, reg}, {"from", "to"}, {nil, nil}, {reg, "to"}} {
		if err := service.Transfer(ctx, pair[0], pair[1]); !errors.Is(err, io.EOF) || got != pair {
			t.Errorf("%v became %v, %v", pair, got, err)
		}
	}
	if err := service.Transfer(ctx, reg, store); !errors.Is(err, io.EOF) || got == [2]any{reg, store} {
		t.Errorf("a pull was passed on undecorated: %v", err)
	}
	// containerd finds out by interfaces what it can do with them.
	for _, ok := range []bool{
		is[ctransfer.ImageResolverOptionSetter](got[0]), is[ctransfer.ImageFetcher](got[0]), is[interface{ String() string }](got[0]),
		is[ctransfer.ImageFilterer](got[1]), is[ctransfer.ImageUnpacker](got[1]), is[ctransfer.ImageStorer](got[1]), is[interface{ String() string }](got[1]),
	} {
		if !ok {
			t.Error("source or destination lost an interface")
		}
	}
}

func is[T any](what any) bool {
	_, ok := what.(T)
	return ok
}

type transferFunc func(ctx context.Context, from, to any) error

func (f transferFunc) Transfer(ctx context.Context, from, to any, _ ...ctransfer.Opt) error {
	return f(ctx, from, to)
}

// What a registry writes into annotations is never an instruction to containerd.
func TestAnnotationsDoNotBecomeLabels(t *testing.T) {
	planted := map[string]string{
		"containerd.io/gc.root": "planted", "containerd.io/gc.ref.content.x": digest.FromString("x").String(),
		"io.containerd.manifest.subject": "planted", "io.cri-containerd.image": "planted", "io.cri-containerd.pinned": "planted",
		"containerd.io/distribution.source.planted": "planted", "io.containerd.import.ref-source": "annotation",
	}
	shape := shapes.ByName("artifact-first-same-platform").WithRoot(func(index *ocispec.Index) {
		index.Annotations = planted
		for i := range index.Manifests {
			if index.Manifests[i].Annotations == nil {
				index.Manifests[i].Annotations = map[string]string{}
			}
			for key, value := range planted {
				index.Manifests[i].Annotations[key] = value
			}
		}
	})
	for _, p := range []policy.Policy{policy.Default(), fetchAll(), {ImageTarget: policy.TargetIndex, References: policy.ReferencesList, MaxBytes: 1}} {
		ctx, node := newNode(t)
		name := serve(t, shape, nil).name(":latest")
		if err := node.pull(ctx, name, p); err != nil {
			t.Fatal(err)
		}
		pulled := node.get(ctx, t, name)
		labels := []map[string]string{pulled.Labels, pulled.Target.Annotations}
		for d := range shape.Blobs {
			if info, err := node.db.ContentStore().Info(ctx, d); err == nil {
				labels = append(labels, info.Labels)
			}
		}
		for _, set := range labels {
			for key, value := range set {
				if strings.Contains(key+value, "planted") || value == planted["containerd.io/gc.ref.content.x"] {
					t.Errorf("label %s = %s", key, value)
				}
			}
		}
	}
}

// A tag that moves between requests is not followed: what was resolved is what is pulled.
func TestTagIsResolvedOnce(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	other := shape.WithRoot(func(index *ocispec.Index) { index.Annotations = map[string]string{"other": "index"} })
	ctx, node := newNode(t)
	var registry *fakeRegistry
	registry = serve(t, shape, func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, shape.Root.Digest.String()) {
			registry.shape.Root = other.Root
		}
		return false
	})
	name := registry.name(":latest")
	if err := node.pull(ctx, name, policy.Default()); err != nil {
		t.Fatal(err)
	}
	if asked := registry.asked("/manifests/latest"); asked != 1 {
		t.Errorf("the tag was asked for %d times", asked)
	}
	if node.has(ctx, other.Root.Digest) || !node.has(ctx, shape.Root.Digest) {
		t.Error("the other index was pulled")
	}
}
