// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"context"

	transfertypes "github.com/containerd/containerd/api/types/transfer"
	"github.com/containerd/typeurl/v2"
)

type sentKey struct{}

// WithSent passes on the message from which a client's source was made. The source that containerd makes from it uses the hosts
// folder and scheme in the message, but keeps neither, so requests other than for the image would go to other hosts. A source
// that was not sent by a client knows both itself.
func WithSent(ctx context.Context, source typeurl.Any) context.Context {
	return context.WithValue(ctx, sentKey{}, source)
}

// sentOf returns the message for the source of an image; nil if there is none.
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
