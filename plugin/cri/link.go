// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/containerd/containerd/v2/defaults"
	"github.com/containerd/errdefs"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
)

// connectLimit is the longest pause before reconnecting to containerd: when it is back, pods wait for it.
const connectLimit = time.Second

// link is a connection to containerd that is re-established when it breaks, with the message sizes of containerd's own clients.
// Without a containerd, calls fail at once: callers retry by themselves.
type link struct {
	*grpc.ClientConn
	address string
	// dials counts the connections made so far.
	dials atomic.Int64
	// current becomes nil when the connection breaks, which is before gRPC reports it.
	current atomic.Pointer[noting]
}

func dial(address string) (*link, error) {
	l := &link{address: address}
	pauses := backoff.DefaultConfig
	pauses.BaseDelay, pauses.MaxDelay = connectLimit/10, connectLimit
	var err error
	l.ClientConn, err = grpc.NewClient("unix:"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: pauses, MinConnectTimeout: 10 * time.Second}),
		grpc.WithIdleTimeout(0),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, "unix", address)
			if err != nil {
				return nil, err
			}
			made := &noting{Conn: conn, link: l}
			l.dials.Add(1)
			l.current.Store(made)
			return made, nil
		}),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(defaults.DefaultMaxRecvMsgSize), grpc.MaxCallSendMsgSize(defaults.DefaultMaxSendMsgSize)))
	if err != nil {
		return nil, fmt.Errorf("containerd's address %q: %w", address, err)
	}
	return l, nil
}

// explain names the socket if containerd is not there. An error from containerd itself stays as it is.
func (l *link) explain(err error) error {
	if !errdefs.IsUnavailable(err) || l.open() {
		return err
	}
	return fmt.Errorf("%s: %w", absent(l.address), err)
}

func absent(address string) string { return "containerd does not answer at " + address }

// open tells whether there is a connection that is not known to be broken.
func (l *link) open() bool { return l.current.Load() != nil }

// noting is a connection that notes when it breaks.
type noting struct {
	net.Conn
	link *link
}

func (n *noting) Read(bytes []byte) (int, error) {
	read, err := n.Conn.Read(bytes)
	if err != nil {
		n.broken()
	}
	return read, err
}

func (n *noting) Write(bytes []byte) (int, error) {
	written, err := n.Conn.Write(bytes)
	if err != nil {
		n.broken()
	}
	return written, err
}

// broken leaves a newer connection alone: an old one may still linger when the next one is there.
func (n *noting) broken() { n.link.current.CompareAndSwap(n, nil) }
