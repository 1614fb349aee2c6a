// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/refract-oci/refract/plugin/references"
	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
)

// Client asks a node what is attached to its images, and answers as plugin/references does over the node's stores. Where the node
// has no such service, errors are errdefs.ErrNotImplemented. The namespace is the context's (namespaces.WithNamespace).
type Client struct{ service refractv1.ReferencesClient }

// NewClient makes one over a connection to a node's socket.
func NewClient(connection grpc.ClientConnInterface) *Client {
	return &Client{service: refractv1.NewReferencesClient(connection)}
}

// List is what is attached to the image of that name.
func (c *Client) List(ctx context.Context, image string) (*references.Listing, error) {
	// A stream that is not read to its end goes on until its context ends.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.service.List(ctx, &refractv1.ListRequest{Image: image})
	if err != nil {
		return nil, errgrpc.ToNative(err)
	}
	reading := &listingReader{}
	if err := each(stream, reading.take); err != nil {
		return nil, err
	}
	return reading.listing()
}

// Uses finds the images that something belongs to: what is named by a digest, or by the beginning of one.
func (c *Client) Uses(ctx context.Context, name string) (*references.Uses, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.service.Images(ctx, &refractv1.ImagesRequest{Digest: name})
	if err != nil {
		return nil, errgrpc.ToNative(err)
	}
	uses := &references.Uses{}
	err = each(stream, func(part *refractv1.ImagesResponse) error {
		switch result := part.Result.(type) {
		case *refractv1.ImagesResponse_Use:
			uses.Found = append(uses.Found, useOf(result.Use))
		case *refractv1.ImagesResponse_Failure:
			uses.Failures = append(uses.Failures, references.Failure{Image: result.Failure.GetImage(), Err: errors.New(result.Failure.GetError())})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return uses, nil
}

// Watch calls back for everything that happens, until the context ends, which is no error, or something else ends the watch.
func (c *Client) Watch(ctx context.Context, existing bool, happened func(*refractv1.WatchResponse) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.service.Watch(ctx, &refractv1.WatchRequest{Existing: existing})
	if err != nil {
		return errgrpc.ToNative(err)
	}
	err = each(stream, happened)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// each takes every message of a stream.
func each[Message any](stream grpc.ServerStreamingClient[Message], take func(*Message) error) error {
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errgrpc.ToNative(err)
		}
		if err := take(message); err != nil {
			return err
		}
	}
}

// listingReader puts the parts of a listing together.
type listingReader struct {
	read  *references.Listing
	piece []byte
}

func (r *listingReader) take(message *refractv1.ListResponse) error {
	switch part := message.Part.(type) {
	case *refractv1.ListResponse_Listing:
		r.read = listingOf(part.Listing)
	case *refractv1.ListResponse_Attached:
		return r.attach(part.Attached)
	case *refractv1.ListResponse_Piece:
		r.piece = append(r.piece, part.Piece.GetBytes()...)
		if !part.Piece.GetLast() {
			return nil
		}
		attached := &refractv1.Attached{}
		if err := proto.Unmarshal(r.piece, attached); err != nil {
			return fmt.Errorf("the daemon's answer cannot be put together: %w: %w", err, errdefs.ErrInternal)
		}
		r.piece = nil
		return r.attach(attached)
	}
	return nil
}

func (r *listingReader) attach(attached *refractv1.Attached) error {
	if r.read == nil {
		return fmt.Errorf("the daemon's answer begins with what is attached, not with the image: %w", errdefs.ErrInternal)
	}
	for _, reference := range attached.GetReferences() {
		r.read.References = append(r.read.References, referenceOf(reference))
	}
	for _, node := range attached.GetTree() {
		r.read.Tree = append(r.read.Tree, nodeOf(node))
	}
	return nil
}

func (r *listingReader) listing() (*references.Listing, error) {
	if r.read == nil || len(r.piece) > 0 {
		return nil, fmt.Errorf("the daemon's answer is not whole: %w", errdefs.ErrInternal)
	}
	return r.read, nil
}
