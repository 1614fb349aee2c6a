// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package register

import (
	"reflect"
	"runtime"
	"strings"

	"github.com/containerd/log"
	"github.com/containerd/plugin"
)

// localPullOption is one that makes the Kubernetes runtime interface pull images itself, round the transfer service.
type localPullOption struct {
	name string // as in the configuration file
	path []string
	// forces tells whether a value does that.
	forces func(reflect.Value) bool
}

// localPullOptions are the ones that containerd 2.4 knows (internal/cri/config, CheckLocalImagePullConfigs), plus the plain one.
var localPullOptions = []localPullOption{
	{"use_local_image_pull", []string{"UseLocalImagePull"}, isSet},
	{"disable_snapshot_annotations", []string{"DisableSnapshotAnnotations"}, func(v reflect.Value) bool {
		// Its default is what the transfer service can do, and differs by system.
		return v.Bool() == (runtime.GOOS == "windows")
	}},
	{"discard_unpacked_layers", []string{"DiscardUnpackedLayers"}, isSet},
	{"registry.mirrors", []string{"Registry", "Mirrors"}, hasAny},
	{"registry.configs", []string{"Registry", "Configs"}, hasAny},
	{"registry.auths", []string{"Registry", "Auths"}, hasAny},
	{"max_concurrent_downloads", []string{"MaxConcurrentDownloads"}, func(v reflect.Value) bool { return v.Int() != 3 }},
	{"image_pull_with_sync_fs", []string{"ImagePullWithSyncFs"}, isSet},
}

func isSet(v reflect.Value) bool  { return v.Bool() }
func hasAny(v reflect.Value) bool { return v.Len() > 0 }

// decorateImages warns, once at start, where the runtime interface will not use the transfer service: extended indexes do not
// work for its pulls then, and nothing else would say why.
func decorateImages(registration *plugin.Registration) {
	stock := registration.InitFn
	registration.InitFn = func(ic *plugin.InitContext) (any, error) {
		// Looked at before: containerd sets use_local_image_pull itself for all others.
		forcing := forcingOptions(ic.Config)
		made, err := stock(ic)
		if err == nil && pullsItself(ic.Config) {
			log.G(ic.Context).WithField("options", strings.Join(forcing, ", ")).Warn(
				"CRI does not use the transfer service, so extended indexes will not work for pods: " + advice(forcing))
		}
		return made, err
	}
}

func forcingOptions(config any) []string {
	var forcing []string
	for _, option := range localPullOptions {
		if value := field(reflect.ValueOf(config), option.path...); value.IsValid() && option.forces(value) {
			forcing = append(forcing, option.name)
		}
	}
	return forcing
}

func pullsItself(config any) bool {
	value := field(reflect.ValueOf(config), "UseLocalImagePull")
	return value.IsValid() && value.Kind() == reflect.Bool && value.Bool()
}

func advice(forcing []string) string {
	if len(forcing) == 0 {
		return `unset use_local_image_pull in [plugins."io.containerd.cri.v1.images"]`
	}
	return "remove " + strings.Join(forcing, ", ") + ` from [plugins."io.containerd.cri.v1.images"]`
}
