// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"testing"

	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/turns"
)

// A large index whose bytes are wrong takes a turn of its own kind, of which there is one. It is given back whatever becomes of the pull.
func TestTurnForWrongDocumentsIsGivenBack(t *testing.T) {
	store, err := local.NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	request, err := native.NewRequest(native.RequestOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer request.Close()
	raw := bytes.Repeat([]byte("x"), 2*smallDocument)
	root := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromString("another"), Size: int64(len(raw))}
	fetcher := remotes.FetcherFunc(func(context.Context, ocispec.Descriptor) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(raw)), nil
	})
	var held []*turns.Turn
	for turn := selections.TryTake(); turn != nil; turn = selections.TryTake() {
		held = append(held, turn)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for selections.Waiting() == 0 && ctx.Err() == nil {
			runtime.Gosched()
		}
		cancel()
	}()
	walk := &walking{request: request, from: &documents{store: store, fetcher: fetcher}, root: root}
	if err := walk.run(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	walk.close(ctx)
	for _, one := range held {
		one.Done()
	}
	turn := wrongDocuments.TryTake()
	if turn == nil {
		t.Fatal("the turn is gone")
	}
	turn.Done()
}
