// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package service is refract.v1.References: what is attached to the images of a node, over gRPC. [Server] answers from the node's
// stores, [Client] gives a caller what plugin/references would, so that both ways show the same.
//
// What the messages mean is told in refract/v1/references.proto; `make proto` generates the code beside it.
package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/events"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/references"
	"github.com/refract-oci/refract/plugin/regerr"
	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
	"github.com/refract-oci/refract/plugin/turns"
)

// Events are containerd's. A watch publishes one of its own, to know that what comes after it will be told.
type Events interface {
	events.Subscriber
	events.Publisher
}

// Server answers the calls of refract.v1.References.
type Server struct {
	refractv1.UnimplementedReferencesServer

	stores   references.Stores
	content  content.Provider
	events   Events
	reads    *turns.Turns
	reading  *turns.Turns
	contents *turns.Turns
	watches  atomic.Int64
	policy   *policy.Policy // nil: the node has none

	stopping chan struct{}
	stop     sync.Once
}

// New makes a server over a node's stores and events.
func New(images images.Store, content content.InfoReaderProvider, events Events, options ...Option) *Server {
	made := &Server{
		stores: references.Stores{Images: images, Content: content}, content: content, events: events,
		reads: newReads(), reading: turns.New(1, native.GiveBackMemory), contents: turns.New(concurrentContents, nil), stopping: make(chan struct{}),
	}
	for _, option := range options {
		option(made)
	}
	return made
}

// Register serves it. It has the name and form that containerd looks for in plugins.
func (s *Server) Register(server *grpc.Server) error {
	refractv1.RegisterReferencesServer(server, s)
	return nil
}

// Stop ends all watches, which would never end by themselves.
func (s *Server) Stop() { s.stop.Do(func() { close(s.stopping) }) }

// namespaced finds the namespace that a call names, and puts it where containerd's stores and their clients look for it.
func namespaced(ctx context.Context) (context.Context, error) {
	namespace, err := namespaces.NamespaceRequired(ctx)
	if err != nil {
		return nil, err
	}
	return namespaces.WithNamespace(ctx, namespace), nil
}

// list reads an image by its name.
func (s *Server) list(ctx context.Context, name string) (*references.Listing, error) {
	if name == "" {
		return nil, fmt.Errorf("the name of an image is missing: %w", errdefs.ErrInvalidArgument)
	}
	reading, err := s.reading.Take(ctx)
	if err != nil {
		return nil, err
	}
	defer reading.Done()
	return s.stores.List(ctx, name)
}

// answered makes an error one of gRPC's: its code and its one line. Errors inside it are not sent beside it, because a client
// would put them together to several lines.
func answered(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, references.ErrSeveral) || errors.Is(err, errUnchosen) {
		err = fmt.Errorf("%w: %w", err, errdefs.ErrFailedPrecondition)
	}
	told := status.Convert(errgrpc.ToGRPC(regerr.Shown(err)))
	return status.Error(told.Code(), told.Message())
}
