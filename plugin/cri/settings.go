// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"net/http"
	"slices"
	"time"

	"github.com/containerd/containerd/v2/pkg/imageverifier/bindir"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/metrics"
	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/records"
)

// Settings are how to pull: what a containerd has in its own configuration, where refractd cannot read it.
type Settings struct {
	// Snapshotter is the one of CRI's images.
	Snapshotter string
	// Runtimes are handlers whose images are unpacked otherwise; what one leaves out is as for all others.
	Runtimes map[string]Runtime
	// ConfigPath are the folders with hosts.toml, and Headers are sent with every request to a registry.
	ConfigPath string
	Headers    http.Header
	// Pinned are images that kubelet must never remove, by their full names.
	Pinned []string
	// ProgressTimeout ends a pull that no bytes come for; 0 never.
	ProgressTimeout time.Duration
	// As of containerd's transfer plugin.
	MaxConcurrentDownloads, MaxConcurrentUnpacks, ConcurrentLayerFetchBuffer int
	// Verifier are the programs that judge images.
	Verifier bindir.Config
	Policy   policy.Policy
	// Metrics count what pulls come to; nil: nobody counts.
	Metrics *metrics.Metrics
}

// Runtime is how images of one runtime handler are unpacked.
type Runtime struct {
	Snapshotter string
	Platform    ocispec.Platform
}

// runtime is how images of a runtime handler are unpacked; of one that is not known, as of all.
func (s Settings) runtime(handler string) Runtime {
	one := s.Runtimes[handler]
	if one.Snapshotter == "" {
		one.Snapshotter = s.Snapshotter
	}
	if one.Platform.OS == "" {
		one.Platform = platforms.DefaultSpec()
	}
	return one
}

// labels are those of CRI's own records: managed, and pinned where the operator said so.
func (s Settings) labels(name string) map[string]string {
	labels := map[string]string{records.ManagedLabel: records.ManagedValue}
	if slices.Contains(s.Pinned, name) {
		labels[records.PinnedLabel] = records.PinnedValue
	}
	return labels
}

// matcher finds the image of a platform again as the pull has selected it.
func matcher(platform ocispec.Platform) platforms.MatchComparer {
	if platforms.FormatAll(platform) == platforms.FormatAll(platforms.DefaultSpec()) {
		return platforms.Default()
	}
	return platforms.Only(platform)
}
