// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package register

import (
	"fmt"

	"github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/errdefs"
	"github.com/containerd/plugin"

	"github.com/refract-oci/refract/plugin/service"
)

const serviceID = "refract-references"

// servicePlugin serves refract.v1.References on containerd's sockets. It takes the metadata and the events alone, and no client of
// all services: so it is there whatever else was disabled.
func servicePlugin() *plugin.Registration {
	return &plugin.Registration{
		Type:     plugins.GRPCPlugin,
		ID:       serviceID,
		Requires: []plugin.Type{plugins.MetadataPlugin, plugins.EventPlugin, PluginType},
		InitFn: func(ic *plugin.InitContext) (any, error) {
			policy, err := configuredPolicy(ic)
			if err != nil {
				return nil, err
			}
			db, err := metadataOf(ic)
			if err != nil {
				return nil, err
			}
			found, err := ic.GetSingle(plugins.EventPlugin)
			if err != nil {
				return nil, err
			}
			events, ok := found.(service.Events)
			if !ok {
				return nil, fmt.Errorf("containerd's event plugin is a %T: %w", found, errdefs.ErrInternal)
			}
			return service.New(metadata.NewImageStore(db), db.ContentStore(), events, service.WithPolicy(policy)), nil
		},
	}
}

// metadataOf is where containerd has its images and content.
func metadataOf(ic *plugin.InitContext) (*metadata.DB, error) {
	found, err := ic.GetSingle(plugins.MetadataPlugin)
	if err != nil {
		return nil, err
	}
	db, ok := found.(*metadata.DB)
	if !ok {
		return nil, fmt.Errorf("containerd's metadata plugin is a %T: %w", found, errdefs.ErrInternal)
	}
	return db, nil
}
