// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/transfer"
	"github.com/containerd/containerd/v2/defaults"
	"github.com/containerd/containerd/v2/pkg/dialer"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
)

// namespace is CRI's own in containerd.
const namespace = "k8s.io"

// connectLimit is the longest pause before a connection to containerd is tried again: when it is back, pods wait for it.
const connectLimit = time.Second

// node is the containerd that images are pulled into. It may come later, go, and come back: each time it is looked at anew,
// because it may be another one.
type node struct {
	address  string
	settings Settings
	conn     *grpc.ClientConn
	client   *containerd.Client
	leases   *leasing
	dials    atomic.Int64 // connections made so far

	mu      sync.Mutex
	visited *visit // nil while there is none to pull into
}

// visit is one time that containerd is there, on one connection.
type visit struct {
	number  int64 // of the connection
	service transfer.Transferrer
	over    context.Context
	end     context.CancelFunc
}

func connect(address string, settings Settings) (*node, error) {
	n := &node{address: address, settings: settings}
	conn, err := dial(address, func(ctx context.Context, address string) (net.Conn, error) {
		conn, err := dialer.ContextDialer(ctx, address)
		if err == nil {
			n.dials.Add(1)
		}
		return conn, err
	})
	if err != nil {
		return nil, err
	}
	client, err := containerd.NewWithConn(conn, containerd.WithDefaultNamespace(namespace))
	if err != nil {
		return nil, fmt.Errorf("client of containerd at %s: %w", address, err)
	}
	n.conn, n.client = conn, client
	n.leases = &leasing{manager: client.LeasesService(), active: map[string]bool{}}
	return n, nil
}

// dial makes a connection that is kept up, with the message sizes of containerd's own clients.
func dial(address string, with func(context.Context, string) (net.Conn, error)) (*grpc.ClientConn, error) {
	pauses := backoff.DefaultConfig
	pauses.BaseDelay, pauses.MaxDelay = connectLimit/10, connectLimit
	conn, err := grpc.NewClient(dialer.DialAddress(address),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: pauses, MinConnectTimeout: 10 * time.Second}),
		grpc.WithIdleTimeout(0),
		grpc.WithContextDialer(with),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(defaults.DefaultMaxRecvMsgSize), grpc.MaxCallSendMsgSize(defaults.DefaultMaxSendMsgSize)))
	if err != nil {
		return nil, fmt.Errorf("containerd's address %q: %w", address, err)
	}
	return conn, nil
}

// keep looks at containerd whenever it has come, until the context ends. So what is missing is in the log before the first pull
// fails, and leases of pulls that were cut off do not wait for the next pull.
func (n *node) keep(ctx context.Context) {
	waiting := false
	for {
		state := n.conn.GetState()
		if state != connectivity.Ready {
			n.leave()
		}
		switch state {
		case connectivity.Idle:
			n.conn.Connect()
		case connectivity.Ready:
			waiting = false
			if _, err := n.visit(ctx); err != nil && ctx.Err() == nil {
				log.G(ctx).WithError(err).Error("images cannot be pulled")
			}
		case connectivity.TransientFailure:
			if !waiting {
				log.G(ctx).WithField("address", n.address).Warn("waiting for containerd")
				waiting = true
			}
		}
		if !n.conn.WaitForStateChange(ctx, state) {
			return
		}
	}
}

// visit examines containerd once for each time that it has come; all pulls share the limits of one service.
func (n *node) visit(ctx context.Context) (*visit, error) {
	ctx = namespaces.WithNamespace(ctx, namespace)
	n.mu.Lock()
	defer n.mu.Unlock()
	for n.visited == nil || n.visited.number != n.dials.Load() {
		n.forget()
		number := n.dials.Load()
		service, err := n.examine(ctx)
		if err != nil {
			return nil, n.explain(err)
		}
		// Leases of ours that nobody here knows belong to pulls that did not end well.
		if err := n.leases.sweep(ctx); err != nil {
			return nil, n.explain(err)
		}
		if number == n.dials.Load() {
			n.visited = &visit{number: number, service: service}
			n.visited.over, n.visited.end = context.WithCancel(context.Background())
			log.G(ctx).WithField("address", n.address).Info("pulling into containerd")
		}
	}
	return n.visited, nil
}

// leave ends what runs while containerd is there. A pull that waits for a registry would not notice by itself.
func (n *node) leave() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.forget()
}

// forget wants the lock.
func (n *node) forget() {
	if n.visited != nil {
		n.visited.end()
		n.visited = nil
	}
}

// gone is what a pull gets that containerd went away from.
func (n *node) gone() error {
	return fmt.Errorf("containerd went away from %s: %w", n.address, errdefs.ErrUnavailable)
}

// explain names the socket where there is no containerd to answer.
func (n *node) explain(err error) error {
	if errdefs.IsUnavailable(err) && n.conn.GetState() != connectivity.Ready {
		return fmt.Errorf("containerd does not answer at %s: %w", n.address, err)
	}
	return err
}

func (n *node) close() error { return n.conn.Close() }
