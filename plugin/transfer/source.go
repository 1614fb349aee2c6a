// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"fmt"

	"github.com/containerd/containerd/v2/core/transfer"
	"github.com/containerd/containerd/v2/core/transfer/registry"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/regerr"
)

// source is a registry whose fetcher is handed out only once the pull knows what to fetch.
type source struct {
	*registry.OCIRegistry
	pull *pull
}

// Resolve remembers the root and which host gave it, and leaves it as it is. Only one that was served as what is no image at all is looked at: containerd
// would take it for a blob, or refuse it, and its verifiers are to judge what it is.
func (s *source) Resolve(ctx context.Context) (string, ocispec.Descriptor, error) {
	name, root, err := s.OCIRegistry.Resolve(s.pull.served.watch(ctx))
	if err != nil {
		return name, root, err
	}
	if native.MediaTypeKind(root.MediaType) == native.KindOther {
		fetcher, err := s.OCIRegistry.Fetcher(ctx, name)
		if err != nil {
			return name, root, err
		}
		if root, err = s.pull.documents(withBodies(ctx, onlyRegistry{fetcher})).identify(ctx, root); err != nil {
			return name, root, fmt.Errorf("root %s: %w", root.Digest, regerr.Readable(err))
		}
	}
	s.pull.root, s.pull.servedAs = root, root.MediaType
	return name, root, nil
}

// Fetcher makes the selection. By now containerd has had the root verified, and the context carries the lease of the transfer.
func (s *source) Fetcher(ctx context.Context, name string) (transfer.Fetcher, error) {
	fetcher, err := s.OCIRegistry.Fetcher(ctx, name)
	if err != nil {
		return nil, err
	}
	fetcher = measured(ctx, withBodies(ctx, onlyRegistry{fetcher}))
	s.pull.fetcher = fetcher
	if err := s.pull.choose(ctx); err != nil {
		s.pull.failed = err
		return nil, err
	}
	return fetcher, nil
}
