// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package config is refractd's configuration: a file, flags of the same names over it, and defaults under both.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/defaults"
	"github.com/containerd/errdefs"
	"github.com/pelletier/go-toml/v2"

	"github.com/refract-oci/refract/plugin/policy"
)

// DefaultFile is read where no other is named; it need not exist.
const DefaultFile = "/etc/refractd/config.toml"

// Config is the whole of it.
type Config struct {
	// Address is the socket of the image service.
	Address string `toml:"address"`
	// MetricsAddress is where metrics and health are served over HTTP; empty: nowhere.
	MetricsAddress string        `toml:"metrics_address"`
	Containerd     Containerd    `toml:"containerd"`
	Registry       Registry      `toml:"registry"`
	Image          Image         `toml:"image"`
	ImageVerifier  ImageVerifier `toml:"image_verifier"`
	Log            Log           `toml:"log"`
	// Policy has its keys at the top level of the file, as containerd-refract has them in a section.
	Policy policy.Policy `toml:"-"`
}

// Containerd is the one that is served.
type Containerd struct {
	Address string `toml:"address"`
	// Config is the file that it reads; empty: refractd finds out which one that is.
	Config      string `toml:"config"`
	Snapshotter string `toml:"snapshotter"`
}

// Registry is how registries are reached.
type Registry struct {
	ConfigPath string              `toml:"config_path"`
	Headers    map[string][]string `toml:"headers"`
}

// Image is how images are pulled and kept.
type Image struct {
	Pinned                     []string           `toml:"pinned"`
	PullProgressTimeout        Duration           `toml:"pull_progress_timeout"`
	MaxConcurrentDownloads     int                `toml:"max_concurrent_downloads"`
	MaxConcurrentUnpacks       int                `toml:"max_concurrent_unpacks"`
	ConcurrentLayerFetchBuffer int                `toml:"concurrent_layer_fetch_buffer"`
	Runtimes                   map[string]Runtime `toml:"runtimes"`
}

// Runtime is how images of one runtime handler are unpacked.
type Runtime struct {
	Snapshotter string `toml:"snapshotter"`
}

// What to do where containerd would ask programs that refractd does not.
const (
	WeakerRefuse = "refuse"
	WeakerWarn   = "warn"
)

// ImageVerifier are programs that judge each image before it is pulled. What is empty or zero is as in containerd's own configuration
// of its plugin of that name.
type ImageVerifier struct {
	BinDir             string   `toml:"bin_dir"`
	MaxVerifiers       int      `toml:"max_verifiers"`
	PerVerifierTimeout Duration `toml:"per_verifier_timeout"`
	Weaker             string   `toml:"weaker"`
}

// Log is how the log is written.
type Log struct {
	Level  string `toml:"level"`
	Format string `toml:"format"`
}

// Default is the configuration of a node whose operator decided nothing, with containerd's defaults where those are meant.
func Default() Config {
	return Config{
		Address:    "/run/refractd/refractd.sock",
		Containerd: Containerd{Address: defaults.DefaultAddress, Snapshotter: defaults.DefaultSnapshotter},
		Registry:   Registry{ConfigPath: "/etc/containerd/certs.d:/etc/docker/certs.d", Headers: map[string][]string{}},
		Image: Image{
			Pinned: []string{}, PullProgressTimeout: Duration(5 * time.Minute), MaxConcurrentDownloads: 3, MaxConcurrentUnpacks: 1,
			Runtimes: map[string]Runtime{},
		},
		ImageVerifier: ImageVerifier{Weaker: WeakerRefuse},
		Log:           Log{Level: "info", Format: "text"},
		Policy:        policy.Default(),
	}
}

// Read reads a file; an empty name is the default one, which need not exist. Values from elsewhere go over it, by their dotted
// names.
func Read(file string, over map[string]any) (Config, error) {
	if file == "" {
		return read(DefaultFile, false, over)
	}
	return read(file, true, over)
}

func read(file string, needed bool, over map[string]any) (Config, error) {
	raw := map[string]any{}
	text, err := os.ReadFile(file)
	if err != nil && (needed || !errors.Is(err, fs.ErrNotExist)) {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	if err := toml.Unmarshal(text, &raw); err != nil {
		return Config{}, fmt.Errorf("%s: %s: %w", file, oneLine(err), errdefs.ErrInvalidArgument)
	}
	for name, value := range over {
		if err := set(raw, strings.Split(name, "."), value); err != nil {
			return Config{}, fmt.Errorf("--%s: %w", name, err)
		}
	}
	config, err := decode(raw)
	if err == nil {
		err = config.check()
	}
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", file, err)
	}
	return config, nil
}
