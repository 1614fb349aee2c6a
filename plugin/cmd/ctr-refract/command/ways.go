// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"

	"github.com/refract-oci/refract/plugin/references"
	"github.com/refract-oci/refract/plugin/service"
	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
)

// Reader finds what is attached to the images of a node.
type Reader interface {
	List(ctx context.Context, image string) (*references.Listing, error)
	Uses(ctx context.Context, digest string) (*references.Uses, error)
	// Watch calls back for every change until the context ends.
	Watch(ctx context.Context, existing bool, happened func(*refractv1.WatchResponse) error) error
}

// overStores reads a node's stores, wherever they are.
type overStores struct {
	references.Stores
	server *service.Server
}

// OverStores returns a reader of a node's stores and events, which any containerd has.
func OverStores(images images.Store, content content.InfoReaderProvider, events service.Events) Reader {
	return overStores{references.Stores{Images: images, Content: content}, service.New(images, content, events)}
}

func (o overStores) Watch(ctx context.Context, existing bool, happened func(*refractv1.WatchResponse) error) error {
	err := o.server.Follow(ctx, existing, happened)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// eitherWay asks the daemon's service, or reads the stores if there is none. A daemon without the service refuses the call at
// once.
type eitherWay struct{ service, stores Reader }

func (e eitherWay) List(ctx context.Context, image string) (*references.Listing, error) {
	listing, err := e.service.List(ctx, image)
	if errdefs.IsNotImplemented(err) {
		return e.stores.List(ctx, image)
	}
	return listing, err
}

func (e eitherWay) Uses(ctx context.Context, digest string) (*references.Uses, error) {
	uses, err := e.service.Uses(ctx, digest)
	if errdefs.IsNotImplemented(err) {
		return e.stores.Uses(ctx, digest)
	}
	return uses, err
}

func (e eitherWay) Watch(ctx context.Context, existing bool, happened func(*refractv1.WatchResponse) error) error {
	err := e.service.Watch(ctx, existing, happened)
	if errdefs.IsNotImplemented(err) {
		return e.stores.Watch(ctx, existing, happened)
	}
	return err
}
