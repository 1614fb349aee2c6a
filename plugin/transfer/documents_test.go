// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
)

// never is a body that does not come.
type never struct{ ctx context.Context }

func (n never) Read([]byte) (int, error) {
	<-n.ctx.Done()
	return 0, n.ctx.Err()
}

func (never) Close() error { return nil }

// Of documents that cannot be right, one is in memory at a time: no registry keeps the others from their errors.
func TestWrongDocumentsWaitForNoRegistry(t *testing.T) {
	limit := native.DefaultLimits().DocumentBytes
	wrong := bytes.Repeat([]byte(" "), smallDocument+1)
	for _, c := range []struct {
		name string
		size uint64
		kind error
	}{
		{"over the limit", limit + 1, nil},
		{"far over the limit", limit << 10, nil},
		{"wrong, and then slow", uint64(len(wrong)), errdefs.ErrDataLoss},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, err := local.NewStore(t.TempDir())
				if err != nil {
					t.Fatal(err)
				}
				asked := 0
				from := &documents{store: store, fetcher: remotes.FetcherFunc(func(ctx context.Context, _ ocispec.Descriptor) (io.ReadCloser, error) {
					if asked++; asked == 1 && c.kind != nil {
						return io.NopCloser(bytes.NewReader(wrong)), nil
					}
					return never{ctx}, nil
				})}
				desc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromString("index"), Size: int64(c.size)}
				got, err := from.get(t.Context(), desc, limit)
				if !errors.Is(err, c.kind) || err != nil && !strings.Contains(err.Error(), desc.Digest.String()) {
					t.Fatalf("error %v", err)
				}
				if err == nil {
					if uint64(len(got.bytes)) != limit+1 || asked != 0 {
						t.Errorf("%d bytes, %d requests", len(got.bytes), asked)
					}
					got.discard(t.Context())
				}
				turn := wrongDocuments.TryTake()
				if turn == nil {
					t.Fatal("the turn is still held")
				}
				turn.Done()
			})
		})
	}
}
