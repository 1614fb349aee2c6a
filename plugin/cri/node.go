// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/transfer"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	"google.golang.org/grpc/connectivity"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/refract-oci/refract/plugin/imagelabels"
)

// examineLimit is how long examining a containerd that has become available may take.
const examineLimit = 30 * time.Second

// lookAgain is the time until an incomplete containerd is examined again: what is missing may have been added.
const lookAgain = 10 * time.Second

// node is the containerd that images are pulled into. It may start later, stop, and come back. It is examined each time,
// because it may be a different one.
type node struct {
	*link
	settings Settings
	client   *containerd.Client
	images   cri.ImageServiceClient // CRI's own
	leases   *leasing

	mu      sync.Mutex
	visited *visit // nil while there is no usable containerd
	told    string // the last reported reason why images cannot be pulled
}

// visit is the time that containerd is available on one connection.
type visit struct {
	number  int64 // of the connection
	service transfer.Transferrer
	over    context.Context
	end     context.CancelFunc
}

func connect(address string, settings Settings) (*node, error) {
	to, err := dial(address)
	if err != nil {
		return nil, err
	}
	client, err := containerd.NewWithConn(to.ClientConn)
	if err != nil {
		return nil, fmt.Errorf("client of containerd at %s: %w", address, err)
	}
	return &node{
		link: to, settings: settings, client: client, images: cri.NewImageServiceClient(to),
		leases: &leasing{manager: client.LeasesService(), socket: settings.Socket, active: map[string]bool{}},
	}, nil
}

// keep examines containerd whenever it becomes available, and again while something is missing, until the context ends. So the
// log says what is missing before the first pull fails, and leases of interrupted pulls do not wait for the next pull.
func (n *node) keep(ctx context.Context) {
	waiting := false
	for {
		state := n.GetState()
		var missing error
		if state != connectivity.Ready {
			n.leave()
		}
		switch state {
		case connectivity.Idle:
			n.Connect()
		case connectivity.Ready:
			waiting = false
			_, missing = n.visit(ctx)
		case connectivity.TransientFailure:
			if !waiting {
				log.G(ctx).WithField("address", n.address).Warn("waiting for containerd")
				waiting = true
			}
		}
		if !n.changes(ctx, state, missing != nil) {
			return
		}
	}
}

// changes waits until containerd has to be examined, and returns false when the context has ended.
func (n *node) changes(ctx context.Context, state connectivity.State, again bool) bool {
	within := ctx
	if again {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeout(ctx, cmp.Or(n.settings.again, lookAgain))
		defer cancel()
	}
	return n.WaitForStateChange(within, state) || ctx.Err() == nil
}

// visit examines containerd once for each connection. All pulls share the limits of one service.
func (n *node) visit(asking context.Context) (*visit, error) {
	ctx, cancel := context.WithTimeout(namespaces.WithNamespace(asking, imagelabels.CRINamespace), examineLimit)
	defer cancel()
	n.mu.Lock()
	defer n.mu.Unlock()
	for n.visited == nil || n.visited.number != n.dials.Load() {
		n.forget()
		number := n.dials.Load()
		service, err := n.examine(ctx)
		if err == nil {
			// Our leases that this process does not know belong to pulls that were interrupted.
			err = n.leases.sweep(ctx)
		}
		if err != nil {
			err = n.explain(err)
			// A cancelled caller has found out nothing, and a containerd that is not there is reported by those who wait for
			// it.
			if asking.Err() == nil && (n.open() || !errdefs.IsUnavailable(err)) {
				n.tell(asking, err)
			}
			return nil, err
		}
		if number == n.dials.Load() {
			n.visited = &visit{number: number, service: service}
			n.visited.over, n.visited.end = context.WithCancel(context.Background())
			log.G(ctx).WithField("address", n.address).Info("pulling into containerd")
			n.tell(asking, nil)
		}
	}
	return n.visited, nil
}

// tell reports why images cannot be pulled, or that they can, once for each reason. It must be called with the lock held.
func (n *node) tell(ctx context.Context, err error) {
	reason := ""
	if err != nil {
		reason = err.Error()
	}
	if n.told == reason {
		return
	}
	n.told = reason
	if err != nil {
		log.G(ctx).WithError(err).Error("images cannot be pulled")
	}
	if n.settings.Pullable != nil {
		n.settings.Pullable(ctx, err)
	}
}

// leave ends the pulls of a containerd that has gone. A pull that waits for a registry would not notice by itself. Pulls that
// have begun since on a new connection go on.
func (n *node) leave() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.visited != nil && (!n.open() || n.visited.number != n.dials.Load()) {
		n.forget()
	}
}

// forget must be called with the lock held.
func (n *node) forget() {
	if n.visited != nil {
		n.visited.end()
		n.visited = nil
	}
}

// gone is the error of a pull whose containerd has gone.
func (n *node) gone() error {
	return fmt.Errorf("containerd went away from %s: %w", n.address, errdefs.ErrUnavailable)
}

func (n *node) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.forget()
	return n.Close()
}
