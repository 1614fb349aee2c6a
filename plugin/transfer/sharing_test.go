// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	tlocal "github.com/containerd/containerd/v2/core/transfer/local"
	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/transfer"
	"github.com/refract-oci/refract/tests/shapes"
)

// sharingNode is a node whose pulls share as refract has it.
func sharingNode(t *testing.T, patience time.Duration) (context.Context, *node, func(name string) error) {
	t.Helper()
	ctx, node := newNode(t)
	sharing := transfer.NewSharing(node.Content)
	if patience > 0 {
		sharing.Patience = patience
	}
	inner := tlocal.NewTransferService(sharing.Store(), node.Images, tlocal.TransferConfig{
		Leases: node.leases, MaxConcurrentDownloads: 3, DuplicationSuppressor: sharing,
	})
	service := transfer.New(inner, node.Content, policy.Default(), nil, transfer.WithSharing(sharing))
	return ctx, node, func(name string) error { return node.pullWith(ctx, service, name) }
}

// slow answers with a blob's first byte, and with the rest when it is released.
type slow struct {
	blob    digest.Digest
	raw     []byte
	asked   chan struct{}
	release chan struct{}
}

func (s *slow) answer(w http.ResponseWriter, r *http.Request) bool {
	if digest.Digest(path.Base(r.URL.Path)) != s.blob || r.Method != http.MethodGet {
		return false
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(s.raw)))
	_, _ = w.Write(s.raw[:1])
	w.(http.Flusher).Flush()
	close(s.asked)
	select {
	case <-s.release:
		_, _ = w.Write(s.raw[1:])
	case <-r.Context().Done():
	}
	return true
}

func layerOf(t *testing.T, shape shapes.Shape) digest.Digest {
	t.Helper()
	for d := range shape.Blobs {
		if shape.MediaTypes[d] == "" && d != shape.Configs[shape.Selected] && strings.Contains(string(shape.Blobs[shape.Selected]), d.String()) {
			return d
		}
	}
	t.Fatal("no layer")
	return ""
}

// Whoever serves a layer slowly holds nobody up who has it from somewhere else. With containerd alone, everybody waits.
func TestSlowLayerHoldsUpNobodyElse(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	layer := layerOf(t, shape)
	server := func() *slow {
		return &slow{layer, shape.Blobs[layer], make(chan struct{}), make(chan struct{})}
	}
	ctx, node, pull := sharingNode(t, 100*time.Millisecond)
	_, stock := newNode(t)
	begin := func(hostile *slow, pull func(string) error) chan error {
		ended := make(chan error, 1)
		name := serve(t, shape, hostile.answer).name(":latest")
		go func() { ended <- pull(name) }()
		select {
		case <-hostile.asked:
		case err := <-ended:
			t.Fatalf("a pull of what is slow has ended: %v", err)
		}
		return ended
	}
	stockPull := func(name string) error { return stock.pull(ctx, name, policy.Default()) }
	hostile, hostileToStock := server(), server()
	first, firstOfStock := begin(hostile, pull), begin(hostileToStock, stockPull)
	honestToStock := serve(t, shape, nil)
	secondOfStock := make(chan error, 1)
	go func() { secondOfStock <- stockPull(honestToStock.name(":latest")) }()

	if err := pull(serve(t, shape, nil).name(":latest")); err != nil {
		t.Fatal(err)
	}
	if !node.has(ctx, layer) {
		t.Error("pulled without the layer")
	}
	// What the pull had of its own is gone; the hostile one still writes to the shared one.
	statuses, err := node.Content.ListStatuses(ctx)
	if err != nil || len(statuses) != 1 || strings.Contains(statuses[0].Ref, "-refract-") {
		t.Errorf("ingests %v, %v", statuses, err)
	}
	select {
	case err := <-first:
		t.Errorf("the slow pull has ended: %v", err)
	case err := <-secondOfStock:
		t.Errorf("containerd alone does not wait any more: %v", err)
	default:
	}
	if asked := honestToStock.asked(layer.String()); asked != 0 {
		t.Errorf("containerd alone asked %d times for a layer that another pull downloads", asked)
	}
	// Who comes last finds the content there.
	close(hostile.release)
	close(hostileToStock.release)
	for _, ended := range []chan error{first, firstOfStock, secondOfStock} {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if statuses, err := node.Content.ListStatuses(ctx); err != nil || len(statuses) != 0 {
		t.Errorf("ingests %v, %v", statuses, err)
	}
}

// Of many pulls that want a layer, one downloads it; and if that one is stuck, one other.
func TestLayersAreSharedAmongMany(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	layer := layerOf(t, shape)
	const count = 30
	all := func(pull func(string) error, name func(int) string) {
		var group sync.WaitGroup
		for number := range count {
			group.Go(func() {
				if err := pull(name(number)); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
	t.Run("honest", func(t *testing.T) {
		_, _, pull := sharingNode(t, 0)
		registry := serve(t, shape, nil)
		all(pull, func(number int) string { return registry.name(fmt.Sprintf("-%d:latest", number)) })
		if asked := registry.asked(layer.String()); asked != 1 {
			t.Errorf("asked %d times", asked)
		}
	})
	t.Run("behind a slow one", func(t *testing.T) {
		_, _, pull := sharingNode(t, time.Second)
		hostile := &slow{layer, shape.Blobs[layer], make(chan struct{}), make(chan struct{})}
		slowly := make(chan error, 1)
		name := serve(t, shape, hostile.answer).name(":latest")
		go func() { slowly <- pull(name) }()
		<-hostile.asked
		registry := serve(t, shape, nil)
		all(pull, func(number int) string { return registry.name(fmt.Sprintf("-%d:latest", number)) })
		if asked := registry.asked(layer.String()); asked != 1 {
			t.Errorf("asked %d times", asked)
		}
		close(hostile.release)
		if err := <-slowly; err != nil {
			t.Error(err)
		}
	})
}
