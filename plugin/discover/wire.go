// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"context"

	transfertypes "github.com/containerd/containerd/api/types/transfer"
	"github.com/containerd/typeurl/v2"
)

type sentKey struct{}

// WithSent tells a transfer what its source was made from: the message that a client sent. containerd makes a source from it that
// pulls from the named folder of hosts and with the named scheme, but keeps neither: what is asked beside the image would go to
// other hosts. A source that was not sent knows both itself.
func WithSent(ctx context.Context, source typeurl.Any) context.Context {
	return context.WithValue(ctx, sentKey{}, source)
}

// sentOf is what was sent for the source of an image; nil if none was.
func sentOf(ctx context.Context, image string) *transfertypes.RegistryResolver {
	source, ok := ctx.Value(sentKey{}).(typeurl.Any)
	if !ok {
		return nil
	}
	var sent transfertypes.OCIRegistry
	if err := typeurl.UnmarshalTo(source, &sent); err != nil || sent.GetReference() != image {
		return nil
	}
	return sent.GetResolver()
}
