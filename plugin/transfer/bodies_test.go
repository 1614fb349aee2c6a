// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"io"
	"sync/atomic"
	"testing"

	"github.com/refract-oci/refract/plugin/transfer"
	nodes "github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

type counted struct {
	io.ReadCloser
	bytes *atomic.Int64
}

func (c counted) Read(into []byte) (int, error) {
	n, err := c.ReadCloser.Read(into)
	c.bytes.Add(int64(n))
	return n, err
}

// Whoever asks for it sees every byte that a pull reads: of documents, configs and layers.
func TestAllBodiesPassThrough(t *testing.T) {
	shape := shapes.BehindArtifacts(1)
	server, err := registry.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	server.Add(shape.Name, shape, "latest")
	ctx, n := nodes.New(t)
	var bytes atomic.Int64
	ctx = transfer.WithBodies(ctx, func(body io.ReadCloser) io.ReadCloser { return counted{body, &bytes} })
	n.Pull(ctx, t, server.Host()+"/"+shape.Name+":latest")
	if sent := server.Counts().Bytes; sent == 0 || bytes.Load() != sent {
		t.Errorf("%d bytes passed through, the registry sent %d", bytes.Load(), sent)
	}
}
