// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"google.golang.org/grpc"

	"github.com/refract-oci/refract/plugin/references"
	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
	"github.com/refract-oci/refract/plugin/turns"
)

// Watch tells of the images of a namespace until the caller, the daemon or containerd ends it.
func (s *Server) Watch(request *refractv1.WatchRequest, stream grpc.ServerStreamingServer[refractv1.WatchResponse]) error {
	ctx, err := namespaced(stream.Context())
	if err != nil {
		return answered(err)
	}
	return answered(s.Follow(ctx, request.GetExisting(), stream.Send))
}

// Follow is Watch for a caller in the same program: it calls back for each thing that happens.
func (s *Server) Follow(ctx context.Context, existing bool, send func(*refractv1.WatchResponse) error) error {
	defer s.watches.Add(-1)
	if s.watches.Add(1) > concurrentWatches {
		return fmt.Errorf("there are %d watches already: %w", concurrentWatches, errdefs.ErrResourceExhausted)
	}
	// What is there is looked at after the subscription: so nothing is missed in between.
	subscribed, err := subscribe(ctx, s.events)
	if err != nil {
		return err
	}
	defer subscribed.close()
	if existing {
		if err := s.tellExisting(ctx, send); err != nil {
			return err
		}
	}
	if err := send(&refractv1.WatchResponse{Event: &refractv1.WatchResponse_Begun{Begun: &refractv1.Begun{}}}); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.stopping:
			return fmt.Errorf("the daemon is stopping, watch again when it has come back: %w", errdefs.ErrUnavailable)
		case <-subscribed.ended:
			return cmp.Or(ctx.Err(), subscribed.err)
		case <-subscribed.ready:
			for name, change, ok := subscribed.next(); ok; name, change, ok = subscribed.next() {
				if err := s.tell(ctx, name, change, send); err != nil {
					return err
				}
			}
		}
	}
}

func (s *Server) tellExisting(ctx context.Context, send func(*refractv1.WatchResponse) error) error {
	all, err := s.stores.Images.List(ctx)
	if err != nil {
		return fmt.Errorf("images: %w", err)
	}
	slices.SortFunc(all, func(a, b images.Image) int { return cmp.Compare(a.Name, b.Name) })
	stores := s.stores.ForMany()
	for _, image := range all {
		told, err := s.inShort(ctx, stores, image)
		if err != nil {
			return err
		}
		if err := send(&refractv1.WatchResponse{Event: &refractv1.WatchResponse_Existing{Existing: told}}); err != nil {
			return err
		}
	}
	return nil
}

// tell sends what became of an image. If it is gone by now, that is the next change.
func (s *Server) tell(ctx context.Context, name string, change change, send func(*refractv1.WatchResponse) error) error {
	if change == removed {
		return send(&refractv1.WatchResponse{Event: &refractv1.WatchResponse_Removed{Removed: &refractv1.Removed{Image: name}}})
	}
	image, err := s.stores.Images.Get(ctx, name)
	if errdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	told, err := s.inShort(ctx, s.stores, image)
	if err != nil {
		return err
	}
	if change == recorded {
		return send(&refractv1.WatchResponse{Event: &refractv1.WatchResponse_Recorded{Recorded: told}})
	}
	return send(&refractv1.WatchResponse{Event: &refractv1.WatchResponse_Updated{Updated: told}})
}

// inShort is an image in a few words, also if it cannot be listed. An error is returned only where the call has ended.
func (s *Server) inShort(ctx context.Context, stores references.Stores, image images.Image) (*refractv1.Image, error) {
	var listing *references.Listing
	err := holding(ctx, s.reads, func(*turns.Turn) (err error) {
		listing, err = stores.Of(ctx, image)
		return err
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		bare := &refractv1.Listing{Image: image.Name, Target: newDescriptor(image.Target)}
		return &refractv1.Image{Listing: bare, Error: lineOf(err)}, nil
	}
	return &refractv1.Image{Listing: newListing(listing), References: uint32(len(listing.References))}, nil
}
