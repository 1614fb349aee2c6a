// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/metadata"
	ctransfer "github.com/containerd/containerd/v2/core/transfer"
	"github.com/containerd/containerd/v2/core/transfer/image"
	"github.com/containerd/containerd/v2/core/transfer/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.uber.org/goleak"

	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/transfer"
	nodes "github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var amd64 = ocispec.Platform{OS: "linux", Architecture: "amd64"}

// fakeRegistry serves a shape's bytes as they are. A handler of the test's own may answer first.
type fakeRegistry struct {
	*httptest.Server
	shape shapes.Shape
	first func(http.ResponseWriter, *http.Request) bool

	mu       sync.Mutex
	requests []string
}

func serve(t testing.TB, shape shapes.Shape, first func(http.ResponseWriter, *http.Request) bool) *fakeRegistry {
	t.Helper()
	r := &fakeRegistry{shape: shape, first: first}
	r.Server = httptest.NewServer(r)
	t.Cleanup(func() {
		// containerd's resolver keeps connections of its own transport open.
		r.CloseClientConnections()
		r.Close()
	})
	return r
}

func (r *fakeRegistry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	r.requests = append(r.requests, request.Method+" "+request.URL.Path)
	r.mu.Unlock()
	if r.first != nil && r.first(w, request) {
		return
	}
	parts := strings.Split(strings.TrimPrefix(request.URL.Path, "/v2/"), "/")
	wanted := digest.Digest(parts[len(parts)-1])
	if wanted == "latest" {
		wanted = r.shape.Root.Digest
	}
	raw, held := r.shape.Blobs[wanted]
	if !held || r.shape.Absent[wanted] {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if mediaType := r.shape.MediaTypes[wanted]; mediaType != "" {
		w.Header().Set("Content-Type", mediaType)
	}
	w.Header().Set("Docker-Content-Digest", wanted.String())
	w.Header().Set("Content-Length", fmt.Sprint(len(raw)))
	if request.Method != http.MethodHead {
		_, _ = w.Write(raw)
	}
}

// asked is how often something was asked for, by the end of its path.
func (r *fakeRegistry) asked(end string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := 0
	for _, request := range r.requests {
		if strings.HasSuffix(request, end) {
			count++
		}
	}
	return count
}

func (r *fakeRegistry) name(end string) string {
	return strings.TrimPrefix(r.URL, "http://") + "/" + r.shape.Name + end
}

// node is containerd's own stores and transfer service, in one process and a folder of the test's.
type node struct {
	*nodes.Node
	db     *metadata.DB
	images images.Store
	leases leases.Manager
	stock  ctransfer.Transferrer
}

func newNode(t testing.TB) (context.Context, *node) {
	t.Helper()
	ctx, made := nodes.New(t)
	return ctx, &node{made, made.DB, made.Images, made.Leases, made.Stock()}
}

// pull pulls by name as ctr does, with refract's transfer service.
func (n *node) pull(ctx context.Context, name string, p policy.Policy, options ...image.StoreOpt) error {
	return n.pullWith(ctx, transfer.New(n.stock, n.db.ContentStore(), p, nil), name, options...)
}

func (n *node) pullWith(ctx context.Context, service ctransfer.Transferrer, name string, options ...image.StoreOpt) error {
	from, err := registry.NewOCIRegistry(ctx, name, registry.WithDefaultScheme("http"))
	if err != nil {
		return err
	}
	if len(options) == 0 {
		options = []image.StoreOpt{image.WithPlatforms(amd64)}
	}
	return service.Transfer(ctx, from, image.NewStore(name, options...))
}

func (n *node) has(ctx context.Context, d digest.Digest) bool { return n.Has(ctx, d) }

func (n *node) collect(ctx context.Context, t testing.TB) { n.Collect(ctx, t) }

func (n *node) get(ctx context.Context, t testing.TB, name string) images.Image {
	return n.Image(ctx, t, name)
}
