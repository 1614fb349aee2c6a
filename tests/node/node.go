// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package node is containerd's own content store, image store and transfer service in one process and a folder of the test's:
// what the tests of commands and libraries need of a node, without a daemon.
package node

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/events/exchange"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/metadata"
	ctransfer "github.com/containerd/containerd/v2/core/transfer"
	"github.com/containerd/containerd/v2/core/transfer/image"
	tlocal "github.com/containerd/containerd/v2/core/transfer/local"
	"github.com/containerd/containerd/v2/core/transfer/registry"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.etcd.io/bbolt"

	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/transfer"
)

// Node is one, with nothing on it at first.
type Node struct {
	DB      *metadata.DB
	Images  images.Store
	Content content.Store
	Leases  leases.Manager
	Events  *exchange.Exchange // nil if nothing is told of
	folder  string
}

// New makes a node, and a context that holds its namespace.
func New(t testing.TB) (context.Context, *Node) {
	t.Helper()
	return newNode(t)
}

// NewWatched makes one that tells of what happens to its images. Something of containerd's events never ends: the tests of a
// package that watches let [LeftByEvents] run.
func NewWatched(t testing.TB) (context.Context, *Node) {
	t.Helper()
	events := exchange.NewExchange()
	ctx, made := newNode(t, metadata.WithEventsPublisher(events))
	made.Events = events
	return ctx, made
}

// LeftByEvents is the function that goes on when containerd's events are not used any more.
const LeftByEvents = "github.com/docker/go-events.(*Broadcaster).run"

func newNode(t testing.TB, options ...metadata.DBOpt) (context.Context, *Node) {
	t.Helper()
	folder := t.TempDir()
	store, err := local.NewStore(filepath.Join(folder, "content"))
	if err != nil {
		t.Fatal(err)
	}
	bolt, err := bbolt.Open(filepath.Join(folder, "meta.db"), 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bolt.Close() })
	db := metadata.NewDB(bolt, store, nil, options...)
	ctx := namespaces.WithNamespace(t.Context(), "test")
	if err := db.Init(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx, &Node{
		DB: db, Images: metadata.NewImageStore(db), Content: db.ContentStore(), Leases: metadata.NewLeaseManager(db), folder: folder,
	}
}

// Stock is containerd's own transfer service over the node's stores.
func (n *Node) Stock() ctransfer.Transferrer {
	return tlocal.NewTransferService(n.Content, n.Images, tlocal.TransferConfig{Leases: n.Leases, MaxConcurrentDownloads: 3})
}

// Pull pulls as ctr does through refract's transfer service: for this machine's platform, or for those that are named.
func (n *Node) Pull(ctx context.Context, t testing.TB, name string, wanted ...ocispec.Platform) images.Image {
	t.Helper()
	if len(wanted) == 0 {
		wanted = append(wanted, platforms.DefaultSpec())
	}
	from, err := registry.NewOCIRegistry(ctx, name, registry.WithDefaultScheme("http"))
	if err != nil {
		t.Fatal(err)
	}
	service := transfer.New(n.Stock(), n.Content, policy.Default(), nil)
	if err := service.Transfer(ctx, from, image.NewStore(name, image.WithPlatforms(wanted...))); err != nil {
		t.Fatal(err)
	}
	return n.Image(ctx, t, name)
}

// Image reads an image record.
func (n *Node) Image(ctx context.Context, t testing.TB, name string) images.Image {
	t.Helper()
	got, err := n.Images.Get(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// Lease keeps what is written until it is released, as a client of a daemon has it.
func (n *Node) Lease(ctx context.Context) (context.Context, func(context.Context) error, error) {
	lease, err := n.Leases.Create(ctx, leases.WithRandomID())
	if err != nil {
		return nil, nil, err
	}
	return leases.WithLease(ctx, lease.ID), func(ctx context.Context) error {
		// A daemon is not even asked with a context that has ended.
		if err := ctx.Err(); err != nil {
			return err
		}
		return n.Leases.Delete(ctx, lease)
	}, nil
}

// Has tells whether the node has content.
func (n *Node) Has(ctx context.Context, d digest.Digest) bool {
	_, err := n.Content.Info(ctx, d)
	return !errdefs.IsNotFound(err)
}

// Collect runs the garbage collector.
func (n *Node) Collect(ctx context.Context, t testing.TB) {
	t.Helper()
	if _, err := n.DB.GarbageCollect(ctx); err != nil {
		t.Fatal(err)
	}
}

// Spoil puts other bytes where the node has content, as a broken disk does.
func (n *Node) Spoil(t testing.TB, d digest.Digest, bytes []byte) {
	t.Helper()
	file := filepath.Join(n.folder, "content", "blobs", d.Algorithm().String(), d.Encoded())
	// The store makes its files read-only.
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes, 0o444); err != nil {
		t.Fatal(err)
	}
}

// Drop takes content away from the node.
func (n *Node) Drop(ctx context.Context, t testing.TB, d digest.Digest) {
	t.Helper()
	if err := n.Content.Delete(ctx, d); err != nil {
		t.Fatal(err)
	}
}
