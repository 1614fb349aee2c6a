// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	introspection "github.com/containerd/containerd/api/services/introspection/v1"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/diff"
	"github.com/containerd/containerd/v2/core/transfer"
	"github.com/containerd/containerd/v2/core/transfer/local"
	"github.com/containerd/containerd/v2/core/unpack"
	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	"github.com/containerd/platforms"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	refract "github.com/refract-oci/refract/plugin/transfer"
)

// needed are the containerd services that a pull uses, and the runtime interface that has to find the pulled image.
var needed = []string{"content", "images", "leases", "snapshots", "diff", "cri"}

// loaded are containerd's plugins, by type and ID.
type loaded map[string]*introspection.Plugin

// examine asks containerd for its plugins and builds from them what containerd's own transfer plugin builds (plugins/transfer).
// That plugin has everything in its own process.
func (n *node) examine(ctx context.Context) (transfer.Transferrer, error) {
	found, err := n.loaded(ctx)
	if err != nil {
		return nil, err
	}
	for _, service := range needed {
		if _, err := found.find(n.address, plugins.GRPCPlugin.String(), service); err != nil {
			return nil, err
		}
	}
	unpackers, err := n.unpackers(found)
	if err != nil {
		return nil, err
	}
	// This comes last because it warns: otherwise each look at an unusable containerd would repeat the warnings.
	verifiers, err := n.verifiers(ctx, found)
	if err != nil {
		return nil, err
	}
	n.compare(ctx, found)
	store := n.client.ContentStore()
	sharing := refract.NewSharing(store)
	config := local.TransferConfig{
		Leases:                     n.client.LeasesService(),
		MaxConcurrentDownloads:     n.settings.MaxConcurrentDownloads,
		ConcurrentLayerFetchBuffer: n.settings.ConcurrentLayerFetchBuffer,
		MaxConcurrentUnpacks:       n.settings.MaxConcurrentUnpacks,
		DuplicationSuppressor:      sharing,
		RegistryConfigPath:         n.settings.ConfigPath,
		Verifiers:                  verifiers,
		UnpackPlatforms:            unpackers,
	}
	inner := local.NewTransferService(quietStore{sharing.Store()}, n.client.ImageService(), config)
	return refract.New(inner, store, n.settings.Policy, nil, refract.WithMetrics(n.settings.Metrics), refract.WithSharing(sharing)), nil
}

func (n *node) loaded(ctx context.Context) (loaded, error) {
	answer, err := n.client.IntrospectionService().Plugins(ctx)
	if err != nil {
		return nil, fmt.Errorf("plugins of containerd: %w", err)
	}
	found := loaded{}
	for _, one := range answer.Plugins {
		found[one.Type+"."+one.ID] = one
	}
	return found, nil
}

// quietStore returns no statuses once the caller's context has ended. containerd's progress asks once more when a pull has
// ended. Over a connection that call fails, and would log an error for each pull.
type quietStore struct{ content.Store }

func (s quietStore) ListStatuses(ctx context.Context, filters ...string) ([]content.Status, error) {
	all, err := s.Store.ListStatuses(ctx, filters...)
	if ctx.Err() != nil {
		return nil, nil
	}
	return all, err
}

// find returns a working plugin. The error for one that does not work says what to do.
func (l loaded) find(address, kind, id string) (*introspection.Plugin, error) {
	one, ok := l[kind+"."+id]
	if !ok {
		return nil, fmt.Errorf("containerd at %s has no plugin %s.%s, which pulls need: take it out of disabled_plugins in its configuration: %w",
			address, kind, id, errdefs.ErrFailedPrecondition)
	}
	if one.InitErr != nil {
		return nil, fmt.Errorf("containerd at %s could not start its plugin %s.%s, which pulls need: %s: %w",
			address, kind, id, one.InitErr.Message, errdefs.ErrFailedPrecondition)
	}
	return one, nil
}

func (l loaded) works(kind, id string) bool {
	one, ok := l[kind+"."+id]
	return ok && one.InitErr == nil
}

// unpackers returns one unpacker for each snapshotter that a pull may use.
func (n *node) unpackers(found loaded) ([]unpack.Platform, error) {
	applier, ok := n.client.DiffService().(diff.Applier)
	if !ok {
		return nil, fmt.Errorf("containerd's client cannot apply layers: %w", errdefs.ErrInternal)
	}
	wanted := []string{n.settings.Snapshotter}
	for _, handler := range slices.Sorted(maps.Keys(n.settings.Snapshotters)) {
		wanted = append(wanted, n.settings.snapshotter(handler))
	}
	all := make([]unpack.Platform, 0, len(wanted))
	for _, name := range wanted {
		snapshotter, err := found.find(n.address, plugins.SnapshotPlugin.String(), name)
		if err != nil {
			return nil, fmt.Errorf("%w (snapshotters of this containerd: %s; set containerd.snapshotter or image.runtimes)",
				err, strings.Join(found.snapshotters(), ", "))
		}
		all = append(all, unpack.Platform{
			Platform:                platforms.OnlyOS(platforms.DefaultSpec()),
			SnapshotterKey:          name,
			Snapshotter:             n.client.SnapshotService(name),
			SnapshotterExports:      snapshotter.Exports,
			SnapshotterCapabilities: snapshotter.Capabilities,
			Applier:                 applier,
		})
	}
	return all, nil
}

func (l loaded) snapshotters() []string {
	var all []string
	for _, one := range l {
		if one.Type == plugins.SnapshotPlugin.String() && one.InitErr == nil {
			all = append(all, one.ID)
		}
	}
	slices.Sort(all)
	return all
}

// compare warns if containerd's runtime interface is known to be configured differently. Values that containerd does not
// report, or not yet, are no reason to stop.
func (n *node) compare(ctx context.Context, found loaded) {
	images := found[plugins.CRIServicePlugin.String()+".images"]
	if path, told := images.GetExports()["RegistryConfigPath"]; told && path != n.settings.ConfigPath {
		log.G(ctx).WithFields(log.Fields{"containerd": path, "refractd": n.settings.ConfigPath}).
			Warn("containerd's runtime interface has another registry.config_path than refractd: set it to the same")
	}
	root := found[plugins.SnapshotPlugin.String()+"."+n.settings.Snapshotter].GetExports()["root"]
	used, err := n.images.ImageFsInfo(ctx, &cri.ImageFsInfoRequest{})
	if root == "" || err != nil || len(used.GetImageFilesystems()) == 0 {
		return
	}
	var roots []string
	for _, one := range used.GetImageFilesystems() {
		roots = append(roots, one.GetFsId().GetMountpoint())
	}
	if !slices.Contains(roots, root) {
		log.G(ctx).WithFields(log.Fields{"containerd": roots, "refractd": root}).
			Warn("containerd's runtime interface has its images elsewhere: set containerd.snapshotter to the one that it uses")
	}
}
