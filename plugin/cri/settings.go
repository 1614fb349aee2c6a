// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"cmp"
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/containerd/containerd/v2/core/remotes/docker/config"
	"github.com/containerd/errdefs"

	"github.com/refract-oci/refract/plugin/imagelabels"
	"github.com/refract-oci/refract/plugin/metrics"
	"github.com/refract-oci/refract/plugin/policy"
)

// Settings say how to pull. containerd has them in its own configuration, which refractd cannot read.
type Settings struct {
	// Socket is where this refractd listens. It distinguishes its leases from those of another refractd for the same
	// containerd.
	Socket string
	// Snapshotter is the default for CRI's images. Snapshotters has one for each runtime handler whose images are unpacked
	// elsewhere.
	Snapshotter  string
	Snapshotters map[string]string
	// ConfigPath has the folders with <host>/hosts.toml, separated as in $PATH. Headers are sent with every request to a
	// registry.
	ConfigPath string
	Headers    http.Header
	// Pinned are images that kubelet must never remove, by their full names.
	Pinned []string
	// ProgressTimeout ends a pull that receives no bytes for that long; 0 never does.
	ProgressTimeout time.Duration
	// These are the same as for containerd's transfer plugin.
	MaxConcurrentDownloads, MaxConcurrentUnpacks, ConcurrentLayerFetchBuffer int
	// Verifier configures the programs that verify images.
	Verifier Verifying
	// Pullable is called with the reason why images cannot be pulled whenever that changes, and with nil when they can. It may
	// be nil.
	Pullable func(context.Context, error)
	Policy   policy.Policy
	// Metrics count the results of pulls; nil: they are not counted.
	Metrics *metrics.Metrics

	again time.Duration // replaces lookAgain, for tests; 0: lookAgain
}

// snapshotter is where images of a runtime handler are unpacked: the default for an unknown handler.
func (s Settings) snapshotter(handler string) string {
	return cmp.Or(s.Snapshotters[handler], s.Snapshotter)
}

// hostsFolder is the first folder of ConfigPath with a configuration for a registry, as CRI's pull without the transfer service
// picks it. A source of the transfer service has one folder only, and would take the whole list for its name.
func (s Settings) hostsFolder(host string) string {
	folders := filepath.SplitList(s.ConfigPath)
	for _, folder := range folders {
		// The pull itself reports an error.
		if found, err := config.HostDirFromRoot(folder)(host); found != "" || err != nil && !errdefs.IsNotFound(err) {
			return folder
		}
	}
	if len(folders) == 0 {
		return ""
	}
	return folders[0]
}

// labels are those of CRI's own records: managed, and pinned if the operator configured that.
func (s Settings) labels(name string) map[string]string {
	labels := map[string]string{imagelabels.ManagedLabel: imagelabels.ManagedValue}
	if slices.Contains(s.Pinned, name) {
		labels[imagelabels.PinnedLabel] = imagelabels.PinnedValue
	}
	return labels
}
