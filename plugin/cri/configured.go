// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/containerd/containerd/v2/defaults"
	"github.com/containerd/containerd/v2/pkg/imageverifier/bindir"
	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/containerd/v2/version"
	continuity "github.com/containerd/continuity/fs"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	"github.com/pelletier/go-toml/v2"
)

// binDirSection is the section for containerd's own plugin in its configuration file, in every version of that file.
var binDirSection = plugins.ImageVerifierPlugin.String() + "." + binDirID

// configured is the configuration of containerd's own plugin, and the file system that containerd sees.
type configured struct {
	bindir.Config
	root string
}

// source is a file of containerd's configuration.
type source struct {
	root   string // where containerd's file system is mounted here; empty: it is ours
	file   string
	needed bool // whether the file must exist
}

// containerdsVerifier is the configuration of containerd's own plugin: its files and its defaults. An Unavailable error says
// nothing about the configuration: containerd went away while it was read.
func (n *node) containerdsVerifier(ctx context.Context) (configured, error) {
	verifier := configured{Config: defaultVerifier()}
	from, err := n.containerdsFile(ctx)
	if err != nil {
		return verifier, err
	}
	section, err := from.section(ctx)
	if err != nil {
		return verifier, fmt.Errorf("configuration of containerd: %w", err)
	}
	verifier.root = from.root
	text, err := toml.Marshal(section)
	if err == nil {
		err = toml.Unmarshal(text, &verifier.Config)
	}
	if err != nil {
		return configured{Config: defaultVerifier()}, fmt.Errorf("configuration of containerd, %s, plugins.'%s': %w", from.file, binDirSection, err)
	}
	return verifier, nil
}

// defaultVerifier is containerd's default configuration (plugins/imageverifier).
func defaultVerifier() bindir.Config {
	config := bindir.Config{BinDir: "/opt/containerd/image-verifier/bin", MaxVerifiers: 10}
	// The field's type is internal to containerd and can only be set from text. This text is valid.
	_ = config.PerVerifierTimeout.UnmarshalText([]byte("10s"))
	return config
}

// section is the plugin's section in containerd's files, merged as containerd does it (cmd/containerd/server/config): a file
// before its imports, and the last value of each key wins. Nothing else is decoded: the files may be for an older or a newer
// containerd than the one that refractd is built with, whose own reader would refuse them.
func (s source) section(ctx context.Context) (map[string]any, error) {
	section, read, newest := map[string]any{}, map[string]bool{}, 0
	for pending := []string{s.file}; len(pending) > 0; pending = pending[1:] {
		path := pending[0]
		if read[path] {
			continue
		}
		var one struct {
			Version int            `toml:"version"`
			Imports []string       `toml:"imports"`
			Plugins map[string]any `toml:"plugins"`
		}
		if err := s.decode(path, &one); err != nil {
			if len(read) == 0 && !s.needed && errors.Is(err, fs.ErrNotExist) {
				return nil, nil
			}
			return nil, err
		}
		read[path] = true
		newest = max(newest, one.Version)
		if found, ok := one.Plugins[binDirSection]; ok {
			keys, ok := found.(map[string]any)
			if !ok {
				return nil, fmt.Errorf("%s: plugins.'%s' is no table", path, binDirSection)
			}
			maps.Copy(section, keys)
		}
		imports, err := s.imported(path, one.Imports)
		if err != nil {
			return nil, err
		}
		pending = append(pending, imports...)
	}
	if newest > version.ConfigVersion {
		log.G(ctx).WithFields(log.Fields{"file": s.file, "version": newest, "known": version.ConfigVersion}).
			Info("containerd's configuration is newer than refractd knows: its image verifiers are taken as of the version that is known")
	}
	return section, nil
}

func (s source) decode(path string, to any) error {
	here, err := seen(s.root, path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	text, err := os.ReadFile(here)
	if err != nil {
		return err
	}
	err = toml.Unmarshal(text, to)
	var wrong *toml.DecodeError
	if errors.As(err, &wrong) {
		line, _ := wrong.Position()
		return fmt.Errorf("%s, line %d: %w", path, line, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// imported returns the files that a file imports. As in containerd, paths are relative to the file's own folder, and a star
// makes a pattern.
func (s source) imported(from string, imports []string) ([]string, error) {
	var all []string
	for _, path := range imports {
		path = filepath.Clean(path)
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(from), path)
		}
		if !strings.Contains(path, "*") {
			all = append(all, path)
			continue
		}
		folder, err := seen(s.root, filepath.Dir(path))
		if err != nil {
			return nil, fmt.Errorf("%s, imports of %s: %w", from, path, err)
		}
		matches, err := filepath.Glob(filepath.Join(folder, filepath.Base(path)))
		if err != nil {
			return nil, fmt.Errorf("%s, imports of %s: %w", from, path, err)
		}
		for _, match := range matches {
			all = append(all, strings.TrimPrefix(match, s.root))
		}
	}
	return all, nil
}

// seen is the path here of a path in another file system. Symlinks are resolved inside that file system.
func seen(root, path string) (string, error) {
	if root == "" {
		return path, nil
	}
	return continuity.RootPath(root, path)
}

// containerdsFile is the file that containerd was started with.
func (n *node) containerdsFile(ctx context.Context) (source, error) {
	if n.settings.Verifier.ContainerdConfig != "" {
		return source{file: n.settings.Verifier.ContainerdConfig, needed: true}, nil
	}
	server, err := n.client.IntrospectionService().Server(ctx)
	if err != nil {
		return source{}, fmt.Errorf("containerd's process: %w", err)
	}
	// A process ID is valid in its own namespace only.
	var own syscall.Stat_t
	if err := syscall.Stat("/proc/self/ns/pid", &own); err != nil {
		return source{}, fmt.Errorf("namespace of processes: %w", err)
	}
	if own.Ino != server.Pidns {
		return source{}, fmt.Errorf("containerd's process %d is in another namespace", server.Pid)
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", server.Pid))
	// A process that has ended and was not reaped yet has no arguments any more.
	if len(line) == 0 && (err == nil || errors.Is(syscall.Kill(int(server.Pid), 0), syscall.ESRCH)) {
		return source{}, fmt.Errorf("containerd's process %d has ended: %w", server.Pid, errdefs.ErrUnavailable)
	}
	if err != nil {
		return source{}, fmt.Errorf("containerd's arguments: %w", err)
	}
	from := source{root: rootOf(server.Pid), file: configArgument(strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")), needed: true}
	if from.file == "" {
		from.file, from.needed = filepath.Join(defaults.DefaultConfigDir, "config.toml"), false
	}
	if !filepath.IsAbs(from.file) {
		return source{}, fmt.Errorf("containerd was started with --config %q, which is no path from the root", from.file)
	}
	return from, nil
}

// rootOf is where the file system of a process is found here, if it is not ours. refractd.service may not look, because it has
// no privilege over other processes; there, the host's files have the host's paths.
func rootOf(pid uint64) string {
	const mounts = "ns/mnt"
	theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", pid, mounts))
	if err != nil {
		return ""
	}
	if own, err := os.Readlink("/proc/self/" + mounts); err != nil || own == theirs {
		return ""
	}
	return fmt.Sprintf("/proc/%d/root", pid)
}

// configArgument is the configuration file in containerd's arguments; empty if there is none.
func configArgument(arguments []string) string {
	file := ""
	for i, one := range arguments {
		name, value, joined := strings.Cut(one, "=")
		if i == 0 || name != "--config" && name != "-config" && name != "-c" && name != "--c" {
			continue
		}
		if !joined && i+1 < len(arguments) {
			value = arguments[i+1]
		}
		file = value
	}
	return file
}
