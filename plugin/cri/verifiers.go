// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/pkg/imageverifier"
	"github.com/containerd/containerd/v2/pkg/imageverifier/bindir"
	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
)

// binDirID is the ID of containerd's own plugin that runs programs to verify images.
const binDirID = "bindir"

// Verifying configures the programs that verify images before a pull. Zero values mean containerd's own configuration.
type Verifying struct {
	bindir.Config
	// ContainerdConfig is the file that containerd reads; empty: refractd finds out which one that is.
	ContainerdConfig string
	// WarnOnly lets refractd pull even if containerd would run verifiers that refractd does not.
	WarnOnly bool
}

// weakerError says why images pulled here would be verified less than containerd's own pulls.
type weakerError struct{ error }

func (w weakerError) Unwrap() error { return w.error }

// verifiers returns the programs that verify images before a pull: those that containerd would run, and those that refractd is
// configured to run. It is a weakerError if refractd would run fewer than containerd: pods would get images that containerd
// refuses.
func (n *node) verifiers(ctx context.Context, found loaded) (map[string]imageverifier.ImageVerifier, error) {
	own := n.settings.Verifier
	if err := own.judge(ctx, foreignVerifiers(found)); err != nil {
		return nil, err
	}
	asks := found.works(plugins.ImageVerifierPlugin.String(), binDirID)
	if !asks && own.BinDir == "" {
		return nil, nil
	}
	theirs, unknown := n.containerdsVerifier(ctx)
	// A containerd that went away meanwhile has told nothing. It is asked again when it is back.
	if unknown != nil && (errdefs.IsUnavailable(unknown) || ctx.Err() != nil) {
		return nil, unknown
	}
	config := own.over(theirs.Config)
	if !asks {
		return binDir(config), nil
	}
	if unknown != nil {
		return own.alone(ctx, config, unknown)
	}
	if err := own.judge(ctx, theirs.fewer(config)); err != nil {
		return nil, err
	}
	theirs.compare(ctx, config)
	return binDir(config), nil
}

func binDir(config bindir.Config) map[string]imageverifier.ImageVerifier {
	return map[string]imageverifier.ImageVerifier{binDirID: bindir.NewImageVerifier(&config)}
}

// alone runs refractd's own programs if it is not known which ones containerd would run. At least one must be configured.
func (v Verifying) alone(ctx context.Context, config bindir.Config, unknown error) (map[string]imageverifier.ImageVerifier, error) {
	const cannot = "it cannot be told which image verifiers containerd asks"
	if v.BinDir != "" && asked("", config) > 0 {
		log.G(ctx).WithError(unknown).WithField("refractd", v.BinDir).Warn(cannot + ": those in image_verifier.bin_dir are asked: compare them")
		return binDir(config), nil
	}
	err := fmt.Errorf("%s: %w: put programs into a folder and set image_verifier.bin_dir to it, or containerd.config to containerd's file", cannot, unknown)
	return binDir(config), v.judge(ctx, err)
}

// judge refuses what would weaken the node, or warns if the operator configured that.
func (v Verifying) judge(ctx context.Context, weaker error) error {
	if weaker == nil {
		return nil
	}
	if v.WarnOnly {
		log.G(ctx).WithError(weaker).Warn("images are pulled that containerd might refuse")
		return nil
	}
	return weakerError{fmt.Errorf("%w, or set image_verifier.weaker to warn: %w", weaker, errdefs.ErrFailedPrecondition)}
}

// foreignVerifiers returns an error if this containerd has a built-in verifier that is not containerd's own: it cannot be
// called from outside.
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

// over returns these settings, with containerd's for those that are not set.
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

// fewer returns an error if containerd runs programs and refractd runs none, or fewer because of a lower limit.
func (c configured) fewer(own bindir.Config) error {
	wanted, ours := asked(c.root, c.Config), asked("", own)
	switch {
	case ours >= wanted:
		return nil
	case ours == 0 && c.sameFolder(own):
		return fmt.Errorf("containerd asks the image verifiers in %s of another file system, and refractd finds none there: "+
			"put them there in refractd's, or into a folder that image_verifier.bin_dir is set to", c.BinDir)
	case ours == 0:
		return fmt.Errorf("containerd asks the image verifiers in %s, and there is none in image_verifier.bin_dir, %s: leave bin_dir away, or put them there",
			c.BinDir, own.BinDir)
	case ours < programsIn("", own.BinDir):
		return fmt.Errorf("containerd asks all image verifiers in %s that it may, %s, and refractd only the first %d, by image_verifier.max_verifiers: leave max_verifiers away",
			c.BinDir, number(wanted), ours)
	}
	return nil
}

// compare warns of settings that differ from containerd's without verifying less.
func (c configured) compare(ctx context.Context, own bindir.Config) {
	if wanted := asked(c.root, c.Config); wanted > 0 && (!c.sameFolder(own) || asked("", own) < wanted) {
		log.G(ctx).WithFields(log.Fields{"containerd": c.BinDir, "refractd": own.BinDir}).
			Warn("containerd asks other image verifiers than refractd, which looks into another folder, or into that of its own file system: compare them")
	}
	if own.PerVerifierTimeout < c.PerVerifierTimeout {
		log.G(ctx).WithFields(log.Fields{"containerd": time.Duration(c.PerVerifierTimeout), "refractd": time.Duration(own.PerVerifierTimeout)}).
			Warn("image verifiers get less time than containerd gives them, by image_verifier.per_verifier_timeout: leave it away")
	}
}

func (c configured) sameFolder(own bindir.Config) bool {
	return filepath.Clean(c.BinDir) == filepath.Clean(own.BinDir)
}

// asked is the number of programs that verify an image.
func asked(root string, config bindir.Config) int {
	all := programsIn(root, config.BinDir)
	if config.MaxVerifiers < 0 || all == math.MaxInt {
		return all
	}
	return min(all, config.MaxVerifiers)
}

// programsIn is the number of programs in a folder. An unreadable folder fails each pull, which is stricter than any number.
func programsIn(root, folder string) int {
	folder, err := seen(root, folder)
	if err != nil {
		return math.MaxInt
	}
	entries, err := os.ReadDir(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0
	case err != nil:
		return math.MaxInt
	}
	return len(entries)
}

func number(asked int) string {
	if asked == math.MaxInt {
		return "of which it cannot read the folder"
	}
	return fmt.Sprint(asked)
}
