// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package register decorates containerd's plugins: it takes all registrations, changes a few of them and leaves the rest as it
// is, and adds two of refract's own. Nothing happens on import; a program's main calls [Decorate], so that the order is there to be read.
package register

import (
	"fmt"
	"slices"

	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/errdefs"
	"github.com/containerd/plugin"
	"github.com/containerd/plugin/registry"

	"github.com/refract-oci/refract/plugin/native"
)

const (
	transferID    = "local"
	transferAPIID = "transfer"
	criImageID    = "images"
)

// Decorate adds refract to the plugins that are registered: its policy, the transfer service that asks it, a warning where the
// Kubernetes runtime interface goes round that service, and refract.v1.References on containerd's socket. It is called once, when all built-in plugins are registered and
// before containerd's app runs.
func Decorate() error {
	if err := native.CheckABI(); err != nil {
		return err
	}
	registrations := registry.Graph(nil)
	transfers, err := find(registrations, plugins.TransferPlugin, transferID)
	if err != nil {
		return err
	}
	decorateTransfer(transfers)
	// A build of containerd may have been made without transfers over gRPC or without the runtime interface.
	if api, err := find(registrations, plugins.GRPCPlugin, transferAPIID); err == nil {
		decorateTransferAPI(api)
	}
	if cri, err := find(registrations, plugins.CRIServicePlugin, criImageID); err == nil {
		decorateImages(cri)
	}
	registry.Reset()
	registry.Register(policyRegistration())
	for i := range registrations {
		registry.Register(&registrations[i])
	}
	// Behind containerd's own: what it needs starts before it anyway, and nothing of containerd's waits for it.
	registry.Register(servicePlugin())
	return nil
}

func find(registrations []plugin.Registration, kind plugin.Type, id string) (*plugin.Registration, error) {
	at := slices.IndexFunc(registrations, func(r plugin.Registration) bool { return r.Type == kind && r.ID == id })
	if at < 0 {
		return nil, fmt.Errorf("containerd's plugin %s.%s is not registered, there is nothing to decorate: %w", kind, id, errdefs.ErrNotFound)
	}
	return &registrations[at], nil
}
