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

// examineLimit is how long it may take to look at a containerd that has come.
const examineLimit = 30 * time.Second

// lookAgain is how soon a containerd that nothing can be pulled into is looked at again: what is missing may have come.
const lookAgain = 10 * time.Second

// node is the containerd that images are pulled into. It may come later, go, and come back: each time it is looked at anew,
// because it may be another one.
type node struct {
	*link
	settings Settings
	client   *containerd.Client
	images   cri.ImageServiceClient // CRI's own
	leases   *leasing

	mu      sync.Mutex
	visited *visit // nil while there is none to pull into
	told    string // why images cannot be pulled, as it was told last
}

// visit is one time that containerd is there, on one connection.
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

// keep looks at containerd whenever it has come, and again while something is missing, until the context ends. So what is missing is in the
// log before the first pull fails, and leases of pulls that were cut off do not wait for the next pull.
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

// changes waits until there is something to look at, and is false when the context has ended.
func (n *node) changes(ctx context.Context, state connectivity.State, again bool) bool {
	within := ctx
	if again {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeout(ctx, cmp.Or(n.settings.again, lookAgain))
		defer cancel()
	}
	return n.WaitForStateChange(within, state) || ctx.Err() == nil
}

// visit examines containerd once for each time that it has come; all pulls share the limits of one service.
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
			// Leases of ours that nobody here knows belong to pulls that did not end well.
			err = n.leases.sweep(ctx)
		}
		if err != nil {
			err = n.explain(err)
			// Who does not wait has found nothing, and that containerd is not there is said where it is waited for.
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

// tell says why images cannot be pulled, or that they can, once for each reason. It wants the lock.
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

// leave ends what runs while containerd is there. A pull that waits for a registry would not notice by itself.
// What was begun since on a new connection goes on.
func (n *node) leave() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.visited != nil && (!n.open() || n.visited.number != n.dials.Load()) {
		n.forget()
	}
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

func (n *node) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.forget()
	return n.Close()
}
