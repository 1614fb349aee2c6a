// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"sync"
	"testing"

	tlocal "github.com/containerd/containerd/v2/core/transfer/local"
	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/tests/shapes"
)

// stuck answers with a document's first bytes, and never with the rest. It tells when it was asked.
type stuck struct {
	document digest.Digest
	size     int
	asked    chan struct{}
}

func (s *stuck) answer(w http.ResponseWriter, r *http.Request) bool {
	if digest.Digest(path.Base(r.URL.Path)) != s.document || r.Method != http.MethodGet {
		return false
	}
	w.Header().Set("Content-Length", fmt.Sprint(s.size))
	_, _ = w.Write([]byte("{"))
	w.(http.Flusher).Flush()
	s.asked <- struct{}{}
	<-r.Context().Done()
	return true
}

// hang begins pulls of images from a registry that gets stuck at a document of each, and returns when all wait for it.
func hang(ctx context.Context, t *testing.T, node *node, shape shapes.Shape, document digest.Digest, count int) {
	t.Helper()
	// The transfer service has a limit of its own on downloads, however large.
	node.stock = tlocal.NewTransferService(node.Content, node.Images, tlocal.TransferConfig{Leases: node.leases})
	server := &stuck{document, len(shape.Blobs[document]), make(chan struct{}, count)}
	ctx, cancel := context.WithCancel(ctx)
	registry := serve(t, shape, server.answer)
	var group sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		group.Wait()
	})
	for number := range count {
		group.Go(func() {
			if err := node.pull(ctx, registry.name(fmt.Sprintf("-%d:latest", number)), policy.Default()); !errors.Is(err, context.Canceled) {
				t.Errorf("pull that hangs: %v", err)
			}
		})
	}
	for range count {
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
