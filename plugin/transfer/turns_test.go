// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	tlocal "github.com/containerd/containerd/v2/core/transfer/local"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/tests/shapes"
)

// stuck answers what ends so with the first bytes, and never with the rest. It tells when it was asked.
type stuck struct {
	path  string
	first []byte
	size  int
	asked chan struct{}
}

func (s *stuck) answer(w http.ResponseWriter, r *http.Request) bool {
	if !strings.HasSuffix(r.URL.Path, s.path) || r.Method != http.MethodGet {
		return false
	}
	w.Header().Set("Content-Length", fmt.Sprint(s.size))
	_, _ = w.Write(s.first)
	w.(http.Flusher).Flush()
	s.asked <- struct{}{}
	<-r.Context().Done()
	return true
}

// hang begins pulls of images from a registry that gets stuck at a document of each, and returns when all wait for it.
func hang(ctx context.Context, t *testing.T, node *node, shape shapes.Shape, document digest.Digest, count int) {
	t.Helper()
	hangAt(ctx, t, node, shape, &stuck{"/" + document.String(), []byte("{"), len(shape.Blobs[document]), make(chan struct{}, count)}, policy.Default())
}

func hangAt(ctx context.Context, t *testing.T, node *node, shape shapes.Shape, server *stuck, p policy.Policy) {
	t.Helper()
	// The transfer service has a limit of its own on downloads, however large.
	node.stock = tlocal.NewTransferService(node.Content, node.Images, tlocal.TransferConfig{Leases: node.leases})
	ctx, cancel := context.WithCancel(ctx)
	registry := serve(t, shape, server.answer)
	var group sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		group.Wait()
	})
	for number := range cap(server.asked) {
		group.Go(func() {
			if err := node.pull(ctx, registry.name(fmt.Sprintf("-%d:latest", number)), p); !errors.Is(err, context.Canceled) {
				t.Errorf("pull that hangs: %v", err)
			}
		})
	}
	for range cap(server.asked) {
		<-server.asked
	}
}

// Whoever serves a document slowly holds nobody up who has it from somewhere else, though both write the same content.
func TestStuckDocumentHoldsUpNobodyElse(t *testing.T) {
	small := shapes.ByName("artifact-first-same-platform")
	large := wide(small, 1000)
	for _, shape := range []shapes.Shape{small, large} {
		for what, document := range map[string]digest.Digest{"index": shape.Root.Digest, "manifest": shape.Selected, "config": shape.Configs[shape.Selected]} {
			t.Run(fmt.Sprint(what, " of an index of ", len(shape.Blobs[shape.Root.Digest])), func(t *testing.T) {
				ctx, node := newNode(t)
				hang(ctx, t, node, shape, document, 1)
				if err := node.pull(ctx, serve(t, shape, nil).name(":latest"), policy.Default()); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

// There are few turns for large indexes: who waits for a registry has none.
func TestPullsThatWaitForARegistryHoldNoTurn(t *testing.T) {
	shape := wide(shapes.ByName("artifact-first-same-platform"), 1000)
	for what, document := range map[string]digest.Digest{"index": shape.Root.Digest, "manifest": shape.Selected} {
		t.Run(what, func(t *testing.T) {
			ctx, node := newNode(t)
			hang(ctx, t, node, shape, document, 10)
			searching := policy.Default()
			searching.Discover = []policy.Place{policy.PlaceReferrers}
			for _, p := range []policy.Policy{policy.Default(), searching} {
				name := serve(t, wide(shapes.ByName("sbom-and-signature-first"), 1001), nil).name(":latest")
				if err := node.pull(ctx, name, p); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// Of searches that take much memory there are few at a time; those that take little wait for none. Who gets no turn within its deadline
// pulls without having looked.
func TestSearchesThatHangHoldNoOthersUp(t *testing.T) {
	ctx, node := newNode(t)
	searching := policy.Default()
	searching.Discover = []policy.Place{policy.PlaceReferrers}
	shape := shapes.ByName("multi-platform")
	list := filled(`{"schemaVersion":2,"manifests":[`, `{"mediaType":"a","size":1,"digest":"b:c"}`)
	asked := make(chan struct{}, 10)
	hangAt(ctx, t, node, shape, &stuck{"/referrers/" + shape.Root.Digest.String(), list[:len(list)/2], len(list), asked}, searching)
	for what, list := range map[string][]byte{"short": []byte(`{"schemaVersion":2,"manifests":[]}`), "long": list} {
		t.Run(what, func(t *testing.T) {
			listing := func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/referrers/") {
					return false
				}
				w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
				_, _ = w.Write(list)
				return true
			}
			p := searching
			if what == "long" {
				p.Deadline = 100 * time.Millisecond
			}
			if err := node.pull(ctx, serve(t, shapes.ByName("sbom-and-signature-first"), listing).name(":latest"), p); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// So do pulls of large images, which hold what was read of their index while they search.
func TestSearchesOfLargeImagesWaitUntilTheirDeadline(t *testing.T) {
	ctx, node := newNode(t)
	searching := policy.Default()
	searching.Discover = []policy.Place{policy.PlaceReferrers}
	shape := wide(shapes.ByName("artifact-first-same-platform"), 1000)
	// So many can search, and no others.
	asked := make(chan struct{}, 4)
	hangAt(ctx, t, node, shape, &stuck{"/referrers/" + shape.Root.Digest.String(), []byte("{"), 100, asked}, searching)
	searching.Deadline = 100 * time.Millisecond
	name := serve(t, wide(shapes.ByName("sbom-and-signature-first"), 1001), nil).name(":latest")
	if err := node.pull(ctx, name, searching); err != nil {
		t.Fatal(err)
	}
	required := requiring(policy.RequiredRefuse, "signature-nobody-has")
	required.Discover, required.Deadline = searching.Discover, searching.Deadline
	if err := node.pull(ctx, name, required); !errdefs.IsUnavailable(err) || !strings.Contains(err.Error(), "look-ups") {
		t.Errorf("what was not looked for is %v", err)
	}
}

// Many pulls want turns at once, of an index whose image is looked for long: each gets to its end.
func TestManyPullsOfALargeIndex(t *testing.T) {
	shape := wide(shapes.ByName("image-without-platform-after-artifact"), 2000)
	ctx, node := newNode(t)
	registry := serve(t, shape, nil)
	var group sync.WaitGroup
	for number := range 50 {
		group.Go(func() {
			if err := node.pull(ctx, registry.name(fmt.Sprintf("-%d:latest", number)), policy.Default()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}
