// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	containerd "github.com/containerd/containerd/v2/cmd/containerd/server/config"
	"github.com/containerd/containerd/v2/defaults"
	"github.com/containerd/containerd/v2/pkg/imageverifier"
	"github.com/containerd/containerd/v2/pkg/imageverifier/bindir"
	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	"github.com/pelletier/go-toml/v2"
)

// binDirID is containerd's own plugin that has programs judge images.
const binDirID = "bindir"

// Verifying is how programs judge images before they are pulled. What is zero is as containerd's own configuration has it.
type Verifying struct {
	bindir.Config
	// ContainerdConfig is the file that containerd reads; empty: refractd finds out which one that is.
	ContainerdConfig string
	// WarnOnly lets refractd pull although containerd would ask programs that refractd does not.
	WarnOnly bool
}

// verifiers are the programs that judge images before they are pulled: those that containerd would ask, and those that refractd is
// told to ask. It is an error if containerd would ask some, and refractd asks none: then pods would get what containerd refuses.
func (n *node) verifiers(ctx context.Context, found loaded) (map[string]imageverifier.ImageVerifier, error) {
	own := n.settings.Verifier
	if err := own.judge(ctx, foreignVerifiers(found)); err != nil {
		return nil, err
	}
	asks := found.works(plugins.ImageVerifierPlugin.String(), binDirID)
	if !asks && own.BinDir == "" {
		return nil, nil
	}
	theirs, err := n.containerdsVerifier(ctx)
	if err != nil && asks {
		err = fmt.Errorf("it cannot be told which image verifiers containerd asks: %w: set image_verifier.bin_dir, or containerd.config", err)
		if err := own.judge(ctx, err); err != nil {
			return nil, err
		}
	}
	config := own.over(theirs)
	if asks && !sameFolder(config.BinDir, theirs.BinDir) && judges(theirs) {
		if !judges(config) {
			err := fmt.Errorf("containerd asks the image verifiers in %s, and there is none in image_verifier.bin_dir, %s: leave bin_dir away, or put them there",
				theirs.BinDir, config.BinDir)
			if err := own.judge(ctx, err); err != nil {
				return nil, err
			}
		}
		log.G(ctx).WithFields(log.Fields{"containerd": theirs.BinDir, "refractd": config.BinDir}).
			Warn("containerd asks other image verifiers than refractd, whose image_verifier.bin_dir is another folder")
	}
	return map[string]imageverifier.ImageVerifier{binDirID: bindir.NewImageVerifier(&config)}, nil
}

// judge refuses what would weaken the node, or warns of it where the operator said so.
func (v Verifying) judge(ctx context.Context, weaker error) error {
	if weaker == nil {
		return nil
	}
	if v.WarnOnly {
		log.G(ctx).WithError(weaker).Warn("images are pulled that containerd might refuse")
		return nil
	}
	return fmt.Errorf("%w, or set image_verifier.weaker to warn: %w", weaker, errdefs.ErrFailedPrecondition)
}

// foreignVerifiers is an error if a verifier is built into this containerd that is none of containerd's: it cannot be asked from outside.
func foreignVerifiers(found loaded) error {
	var names []string
	for name, one := range found {
		if one.Type == plugins.ImageVerifierPlugin.String() && one.ID != binDirID && one.InitErr == nil {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return fmt.Errorf("containerd asks image verifiers that refractd cannot ask: %s: take refractd away from this node", strings.Join(names, ", "))
}

// over is what is set here, and containerd's where nothing is.
func (v Verifying) over(theirs bindir.Config) bindir.Config {
	if v.BinDir != "" {
		theirs.BinDir = v.BinDir
	}
	if v.MaxVerifiers != 0 {
		theirs.MaxVerifiers = v.MaxVerifiers
	}
	if v.PerVerifierTimeout != 0 {
		theirs.PerVerifierTimeout = v.PerVerifierTimeout
	}
	return theirs
}

func sameFolder(a, b string) bool { return filepath.Clean(a) == filepath.Clean(b) }

// judges tells whether there is a program that is asked. A folder that cannot be read ends each pull, so that it judges, too.
func judges(config bindir.Config) bool {
	entries, err := os.ReadDir(config.BinDir)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	return len(entries) > 0 && config.MaxVerifiers != 0
}

// containerdsVerifier is the configuration of containerd's own plugin: what stands in its files, and its defaults.
func (n *node) containerdsVerifier(ctx context.Context) (bindir.Config, error) {
	verifier := defaultVerifier()
	file, needed, err := n.containerdsFile(ctx)
	if err != nil {
		return verifier, err
	}
	var read containerd.Config
	if err := containerd.LoadConfig(ctx, file, &read); err != nil {
		if !needed && errors.Is(err, fs.ErrNotExist) {
			return verifier, nil
		}
		return verifier, fmt.Errorf("configuration of containerd, %s: %w", file, err)
	}
	configured, ok := read.Plugins[plugins.ImageVerifierPlugin.String()+"."+binDirID]
	if !ok {
		return verifier, nil
	}
	section, err := toml.Marshal(configured)
	if err == nil {
		err = toml.Unmarshal(section, &verifier)
	}
	if err != nil {
		return verifier, fmt.Errorf("configuration of containerd, %s: section of the image verifier: %w", file, err)
	}
	return verifier, nil
}

// defaultVerifier is what containerd has where nothing is configured (plugins/imageverifier).
func defaultVerifier() bindir.Config {
	config := bindir.Config{BinDir: "/opt/containerd/image-verifier/bin", MaxVerifiers: 10}
	// The field's type is containerd's own, and has no other way in; this text is one that it reads.
	_ = config.PerVerifierTimeout.UnmarshalText([]byte("10s"))
	return config
}

// containerdsFile is the file that containerd was started with, and whether it must be there.
func (n *node) containerdsFile(ctx context.Context) (file string, needed bool, err error) {
	if n.settings.Verifier.ContainerdConfig != "" {
		return n.settings.Verifier.ContainerdConfig, true, nil
	}
	server, err := n.client.IntrospectionService().Server(ctx)
	if err != nil {
		return "", false, fmt.Errorf("containerd's process: %w", err)
	}
	// The number of a process means something in its own namespace only.
	var own syscall.Stat_t
	if err := syscall.Stat("/proc/self/ns/pid", &own); err != nil {
		return "", false, fmt.Errorf("namespace of processes: %w", err)
	}
	if own.Ino != server.Pidns {
		return "", false, fmt.Errorf("containerd's process %d is in another namespace", server.Pid)
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", server.Pid))
	if err != nil {
		return "", false, fmt.Errorf("containerd's arguments: %w", err)
	}
	file = configArgument(strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00"))
	switch {
	case file == "":
		return filepath.Join(defaults.DefaultConfigDir, "config.toml"), false, nil
	case !filepath.IsAbs(file):
		return "", false, fmt.Errorf("containerd was started with --config %q, which is no path from the root", file)
	}
	return file, true, nil
}

// configArgument is what containerd's arguments say of its configuration; empty if nothing.
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
