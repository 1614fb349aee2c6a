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

// Settings are how to pull: what a containerd has in its own configuration, where refractd cannot read it.
type Settings struct {
	// Socket is where this refractd listens. It tells its leases from those of another before the same containerd.
	Socket string
	// Snapshotter is the one of CRI's images, and Snapshotters are those of runtime handlers whose images are unpacked elsewhere.
	Snapshotter  string
	Snapshotters map[string]string
	// ConfigPath are the folders with <host>/hosts.toml, as in $PATH, and Headers are sent with every request to a registry.
	ConfigPath string
	Headers    http.Header
	// Pinned are images that kubelet must never remove, by their full names.
	Pinned []string
	// ProgressTimeout ends a pull that no bytes come for; 0 never.
	ProgressTimeout time.Duration
	// As of containerd's transfer plugin.
	MaxConcurrentDownloads, MaxConcurrentUnpacks, ConcurrentLayerFetchBuffer int
	// Verifier are the programs that judge images.
	Verifier Verifying
	// Pullable is told why images cannot be pulled, whenever that is another reason than before, and nil when they can; nil: nobody is told.
	Pullable func(context.Context, error)
	Policy   policy.Policy
	// Metrics count what pulls come to; nil: nobody counts.
	Metrics *metrics.Metrics

	again time.Duration // as lookAgain, for tests; 0: that
}

// snapshotter is where images of a runtime handler are unpacked; of one that is not known, where all are.
func (s Settings) snapshotter(handler string) string {
	return cmp.Or(s.Snapshotters[handler], s.Snapshotter)
}

// hostsFolder is the first folder of ConfigPath that has something for a registry, as CRI's pull without the transfer service takes
// it: a source of the transfer service knows one folder, and would take the whole list for its name.
func (s Settings) hostsFolder(host string) string {
	folders := filepath.SplitList(s.ConfigPath)
	for _, folder := range folders {
		// An error is for the pull to meet.
		if found, err := config.HostDirFromRoot(folder)(host); found != "" || err != nil && !errdefs.IsNotFound(err) {
			return folder
		}
	}
	if len(folders) == 0 {
		return ""
	}
	return folders[0]
}

// labels are those of CRI's own records: managed, and pinned where the operator said so.
func (s Settings) labels(name string) map[string]string {
	labels := map[string]string{imagelabels.ManagedLabel: imagelabels.ManagedValue}
	if slices.Contains(s.Pinned, name) {
		labels[imagelabels.PinnedLabel] = imagelabels.PinnedValue
	}
	return labels
}
