// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"io"
	"maps"
	"strings"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// onlyRegistry is a fetcher that asks its registry and nobody else. containerd's own asks first what a descriptor names as `urls`: any
// address that whoever wrote the manifest likes, those of the node's own services among them.
type onlyRegistry struct{ remotes.Fetcher }

func (o onlyRegistry) Fetch(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	desc.URLs = nil
	return o.Fetcher.Fetch(ctx, desc)
}

// urlsLabel begins the labels by which a client tells a lazy snapshotter where else a layer is: another spelling of `urls`.
const urlsLabel = "containerd.io/snapshot/remote/urls"

// stayAtRegistry takes from descriptors what leads elsewhere.
func stayAtRegistry(descriptors []ocispec.Descriptor) {
	for i := range descriptors {
		descriptors[i].URLs = nil
		maps.DeleteFunc(descriptors[i].Annotations, func(key, _ string) bool { return strings.HasPrefix(key, urlsLabel) })
	}
}

// stayingAtRegistry is a handler that does so, for all that wraps it: wrappers for lazy snapshotters tell these of `urls`.
func stayingAtRegistry(handler images.Handler) images.Handler {
	return images.HandlerFunc(func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		children, err := handler.Handle(ctx, desc)
		stayAtRegistry(children)
		return children, err
	})
}
