// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cri is a proxy in front of a containerd that cannot be replaced. It forwards every call to its socket, except one: it
// implements PullImage itself, because a plain containerd cannot pull from extended indexes.
//
//	kubelet ── any method ──► forward ──► containerd, unchanged both ways
//	        ── PullImage ──► flights: equal concurrent pulls become one
//	                         pull ──► node: containerd's stores over its client, examined whenever it has become available
//	                              ──► plugin/transfer: containerd's own transfer service, decorated
//	                              ──► names: the records that CRI makes, until CRI knows them
package cri

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/defaults"
	"github.com/containerd/errdefs"
	"google.golang.org/grpc"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// errStopping is the error of pulls that the daemon's own end interrupts.
var errStopping = fmt.Errorf("refractd is stopping: %w", errdefs.ErrUnavailable)

// stopLimit is how long forwarded calls may take to end when the service stops. Some never end by themselves: exec, events.
const stopLimit = 2 * time.Second

// Service is the runtime interface in front of one containerd.
type Service struct {
	cri.UnimplementedImageServiceServer

	node     *node
	forward  *forwarder
	server   *grpc.Server
	pulls    flights[pull]
	watching watching

	stopping context.Context
	stop     context.CancelFunc
	kept     sync.WaitGroup
}

// New makes a service in front of the containerd at that socket, which need not exist yet. Services that register adds are
// served as well.
func New(address string, settings Settings, register ...func(grpc.ServiceRegistrar, *containerd.Client)) (*Service, error) {
	node, err := connect(address, settings)
	if err != nil {
		return nil, err
	}
	// Forwarded calls have a connection of their own, so that none waits for a pull's bytes.
	to, err := dial(address)
	if err != nil {
		return nil, errors.Join(err, node.close())
	}
	codec := newFrames()
	s := &Service{node: node, forward: &forwarder{to: to, codec: codec}}
	s.stopping, s.stop = context.WithCancel(context.Background())
	s.server = grpc.NewServer(
		grpc.ForceServerCodecV2(codec),
		grpc.UnknownServiceHandler(s.forward.forward),
		grpc.MaxRecvMsgSize(defaults.DefaultMaxRecvMsgSize), grpc.MaxSendMsgSize(defaults.DefaultMaxSendMsgSize))
	// Methods that a registered service does not implement are forwarded like any other.
	own := cri.ImageService_ServiceDesc
	own.Streams = nil
	own.Methods = slices.DeleteFunc(slices.Clone(own.Methods), func(method grpc.MethodDesc) bool { return method.MethodName != "PullImage" })
	s.server.RegisterService(&own, s)
	for _, add := range register {
		add(s.server, node.client)
	}
	s.kept.Go(func() { node.keep(s.stopping) })
	return s, nil
}

// Ready returns an error while no image can be pulled. Each call examines containerd, unless it was found complete on this
// connection.
func (s *Service) Ready(ctx context.Context) error {
	_, err := s.node.visit(ctx)
	return err
}

// Serve serves a listener until the service is stopped, which is no error. It may be called for several listeners.
func (s *Service) Serve(listener net.Listener) error {
	if err := s.server.Serve(listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	}
	return nil
}

// Stop accepts no more calls, ends all pulls, and returns when their leases are deleted.
func (s *Service) Stop() error {
	ended := make(chan struct{})
	go func() {
		s.server.GracefulStop()
		close(ended)
	}()
	s.stop()
	s.pulls.close(errStopping)
	s.kept.Wait()
	patience := time.NewTimer(stopLimit)
	defer patience.Stop()
	select {
	case <-ended:
	case <-patience.C:
		s.server.Stop()
		<-ended
	}
	return errors.Join(s.node.close(), s.forward.to.Close())
}
