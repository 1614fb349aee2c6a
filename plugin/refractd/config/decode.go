// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/pelletier/go-toml/v2"
	"github.com/sirupsen/logrus"

	"github.com/refract-oci/refract/plugin/policy"
)

// Duration is one as Go writes it: "5m0s".
type Duration time.Duration

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(text []byte) error {
	read, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a time such as \"5m0s\"", text)
	}
	*d = Duration(read)
	return nil
}

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// sections are the keys at the top level that are refractd's own; all others are the policy's, which knows its keys itself.
var sections = []string{"address", "metrics_address", "containerd", "registry", "image", "image_verifier", "log"}

func decode(raw map[string]any) (Config, error) {
	own, rest := map[string]any{}, maps.Clone(raw)
	for _, key := range sections {
		if value, ok := raw[key]; ok {
			own[key] = value
			delete(rest, key)
		}
	}
	config := Default()
	var err error
	if config.Policy, err = policy.Decode(rest); err != nil {
		return Config{}, err
	}
	// What a decoder refuses, it shows by lines: each key on its own says which.
	for key, value := range own {
		text, err := toml.Marshal(map[string]any{key: value})
		if err != nil {
			return Config{}, fmt.Errorf("%s: %w: %w", key, err, errdefs.ErrInvalidArgument)
		}
		if err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&config); err != nil {
			return Config{}, refused(key, err)
		}
	}
	// As the kubelet has them.
	for _, address := range []*string{&config.Address, &config.Containerd.Address} {
		*address = strings.TrimPrefix(*address, "unix://")
	}
	return config, nil
}

// refused names the key that cannot be used.
func refused(key string, err error) error {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) && len(unknown.Errors) > 0 {
		return fmt.Errorf("unknown key %q: %w", strings.Join(unknown.Errors[0].Key(), "."), errdefs.ErrInvalidArgument)
	}
	var wrong *toml.DecodeError
	if errors.As(err, &wrong) && len(wrong.Key()) > 0 {
		key = strings.Join(wrong.Key(), ".")
	}
	return fmt.Errorf("%s: %s: %w", key, oneLine(err), errdefs.ErrInvalidArgument)
}

func oneLine(err error) string {
	return strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "toml: ")), " ")
}

// set puts a value where its dotted name says.
func set(raw map[string]any, path []string, value any) error {
	for _, section := range path[:len(path)-1] {
		inner, ok := raw[section].(map[string]any)
		if !ok {
			if _, taken := raw[section]; taken {
				return fmt.Errorf("%s is not a section in the file: %w", section, errdefs.ErrInvalidArgument)
			}
			inner = map[string]any{}
			raw[section] = inner
		}
		raw = inner
	}
	raw[path[len(path)-1]] = value
	return nil
}

// check refuses values that no pull could work with.
func (c Config) check() error {
	for key, value := range map[string]string{
		"address": c.Address, "containerd.address": c.Containerd.Address, "containerd.snapshotter": c.Containerd.Snapshotter,
	} {
		if value == "" {
			return fmt.Errorf("%s is empty: %w", key, errdefs.ErrInvalidArgument)
		}
	}
	for key, value := range map[string]string{"address": c.Address, "containerd.address": c.Containerd.Address} {
		if !filepath.IsAbs(value) {
			return fmt.Errorf("%s = %q is not a path from the root: %w", key, value, errdefs.ErrInvalidArgument)
		}
	}
	if c.Address == c.Containerd.Address {
		return fmt.Errorf("address and containerd.address are both %s: refractd needs a socket of its own: %w", c.Address, errdefs.ErrInvalidArgument)
	}
	for key, value := range map[string]int64{
		"image.pull_progress_timeout":         int64(c.Image.PullProgressTimeout),
		"image.max_concurrent_downloads":      int64(c.Image.MaxConcurrentDownloads),
		"image.max_concurrent_unpacks":        int64(c.Image.MaxConcurrentUnpacks),
		"image.concurrent_layer_fetch_buffer": int64(c.Image.ConcurrentLayerFetchBuffer),
		"image_verifier.per_verifier_timeout": int64(c.ImageVerifier.PerVerifierTimeout),
	} {
		if value < 0 {
			return fmt.Errorf("%s is below zero: %w", key, errdefs.ErrInvalidArgument)
		}
	}
	for handler, runtime := range c.Image.Runtimes {
		if runtime.Snapshotter == "" {
			return fmt.Errorf("image.runtimes.%s.snapshotter is empty: %w", handler, errdefs.ErrInvalidArgument)
		}
	}
	if _, err := logrus.ParseLevel(c.Log.Level); err != nil {
		return fmt.Errorf("log.level = %q is not one of trace, debug, info, warn, error, fatal, panic: %w", c.Log.Level, errdefs.ErrInvalidArgument)
	}
	if c.ImageVerifier.Weaker != WeakerRefuse && c.ImageVerifier.Weaker != WeakerWarn {
		return fmt.Errorf("image_verifier.weaker = %q is not %q or %q: %w", c.ImageVerifier.Weaker, WeakerRefuse, WeakerWarn, errdefs.ErrInvalidArgument)
	}
	for key, path := range map[string]string{"containerd.config": c.Containerd.Config, "image_verifier.bin_dir": c.ImageVerifier.BinDir} {
		if path != "" && !filepath.IsAbs(path) {
			return fmt.Errorf("%s = %q is not a path from the root: %w", key, path, errdefs.ErrInvalidArgument)
		}
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		return fmt.Errorf("log.format = %q is not \"text\" or \"json\": %w", c.Log.Format, errdefs.ErrInvalidArgument)
	}
	return nil
}
