// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/urfave/cli/v3"

	"github.com/refract-oci/refract/plugin/policy"
)

// flags are what can be said on the command line, by the dotted names of the file; its tables by name are for the file alone.
func flags() map[string]any {
	d := Default()
	all := map[string]any{
		"address":                             d.Address,
		"metrics_address":                     d.MetricsAddress,
		"containerd.address":                  d.Containerd.Address,
		"containerd.config":                   d.Containerd.Config,
		"containerd.snapshotter":              d.Containerd.Snapshotter,
		"registry.config_path":                d.Registry.ConfigPath,
		"image.pinned":                        []any{},
		"image.pull_progress_timeout":         d.Image.PullProgressTimeout.String(),
		"image.max_concurrent_downloads":      int64(d.Image.MaxConcurrentDownloads),
		"image.max_concurrent_unpacks":        int64(d.Image.MaxConcurrentUnpacks),
		"image.concurrent_layer_fetch_buffer": int64(d.Image.ConcurrentLayerFetchBuffer),
		"image_verifier.bin_dir":              d.ImageVerifier.BinDir,
		"image_verifier.max_verifiers":        int64(d.ImageVerifier.MaxVerifiers),
		"image_verifier.per_verifier_timeout": d.ImageVerifier.PerVerifierTimeout.String(),
		"image_verifier.weaker":               d.ImageVerifier.Weaker,
		"log.level":                           d.Log.Level,
		"log.format":                          d.Log.Format,
	}
	maps.Copy(all, policy.Default().Map())
	return all
}

// Flags are those of the command line. Values that are not given do not count, so none has a default.
func Flags() []cli.Flag {
	made := []cli.Flag{&cli.StringFlag{Name: "config", Usage: "read the configuration from this file", DefaultText: DefaultFile, TakesFile: true}}
	known := flags()
	for _, name := range slices.Sorted(maps.Keys(known)) {
		usage := fmt.Sprintf("as %s in the file", name)
		switch value := known[name].(type) {
		case string:
			made = append(made, &cli.StringFlag{Name: name, Usage: usage, DefaultText: value})
		case int64:
			made = append(made, &cli.Int64Flag{Name: name, Usage: usage, DefaultText: fmt.Sprint(value)})
		case []any:
			made = append(made, &cli.StringSliceFlag{Name: name, Usage: usage + ", may be repeated"})
		}
	}
	return made
}

// FromCommand reads the file that the command line names, and the flags over it.
func FromCommand(command *cli.Command) (Config, error) {
	over := map[string]any{}
	for name, value := range flags() {
		if !command.IsSet(name) {
			continue
		}
		switch value.(type) {
		case string:
			over[name] = command.String(name)
		case int64:
			over[name] = command.Int64(name)
		case []any:
			over[name] = command.StringSlice(name)
		}
	}
	return Read(command.String("config"), over)
}
