// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tooManyLinks is how many steps of a chain of links are not followed any more.
const tooManyLinks = 50

// linked makes a path below a root a link, moving what is there to where the link leads on a host with that root.
func linked(t *testing.T, root, path, to string) {
	t.Helper()
	from, target := filepath.Join(root, path), filepath.Join(root, to)
	if !filepath.IsAbs(to) {
		target = filepath.Join(filepath.Dir(from), to)
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(from), 0o755), os.MkdirAll(filepath.Dir(target), 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(from, target); errors.Is(err, os.ErrNotExist) {
		err = os.MkdirAll(target, 0o755)
		if err != nil {
			t.Fatal(err)
		}
	} else if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, from); err != nil {
		t.Fatal(err)
	}
}

// TestLinksOfAnotherRootLeadNowhereElse: in the root of an image that is made here, links lead where they will lead there. What has
// the same path on this machine is neither written nor read.
func TestLinksOfAnotherRootLeadNowhereElse(t *testing.T) {
	installs := 0
	for _, path := range []string{"opt", "etc", "etc/refractd", "etc/systemd", "etc/systemd/system", "etc/systemd/system/multi-user.target.wants",
		"etc/systemd/system/kubelet.service.d", "etc/kubernetes", "etc/containerd", "etc/containerd/conf.d", "etc/systemd/system/containerd.service.d", "opt/refract"} {
		for _, way := range []string{"absolute", "out of the root", "relative"} {
			for _, mode := range []string{"refractd", "containerd"} {
				t.Run(fmt.Sprintf("%s/%s/%s", path, way, mode), func(t *testing.T) {
					root, bundle, outside := newHost(t), newBundle(t, program("v1")), t.TempDir()
					to := filepath.Join(outside, "there")
					if path == "opt/refract" {
						// An empty folder of refract's goes with it.
						write(t, filepath.Join(root, path, "theirs"), "theirs", 0o644)
					}
					switch way {
					case "relative":
						to = "there"
					case "out of the root":
						// The parent of a root is the root.
						to = strings.Repeat("../", tooManyLinks) + strings.TrimPrefix(to, "/")
						linked(t, root, path, filepath.Join(outside, "there"))
						if err := errors.Join(os.Remove(filepath.Join(root, path)), os.Symlink(to, filepath.Join(root, path))); err != nil {
							t.Fatal(err)
						}
					}
					if way != "out of the root" {
						linked(t, root, path, to)
					}
					// This machine has something there, too.
					if err := os.MkdirAll(filepath.Join(outside, "there"), 0o755); err != nil {
						t.Fatal(err)
					}
					before, here := tree(t, root), tree(t, outside)
					mustRun(t, bundle, "install", "--root", root, "--mode", mode)
					mustRun(t, bundle, "verify", "--root", root)
					if len(differ(before, tree(t, root))) == 0 {
						t.Error("nothing was installed")
					}
					if changed := differ(here, tree(t, outside)); len(changed) > 0 {
						t.Errorf("outside of the root: %v", changed)
					}
					mustRun(t, bundle, "uninstall", "--root", root)
					if changed := differ(before, tree(t, root)); len(changed) > 0 {
						t.Errorf("left behind %v", changed)
					}
					if changed := differ(here, tree(t, outside)); len(changed) > 0 {
						t.Errorf("outside of the root, by removing: %v", changed)
					}
					installs++
				})
			}
		}
	}
	t.Logf("%d times installed and removed", installs)
}

// TestLinksInRefractsOwnFolder: a root may have been made so that what the script writes for itself would go elsewhere.
func TestLinksInRefractsOwnFolder(t *testing.T) {
	for _, path := range []string{"opt/refract/generations", "opt/refract/originals", "opt/refract/originals/etc", "opt/refract/folders", "opt/refract/first",
		"opt/refract/pending", "opt/refract/failed", "etc/systemd/system/refractd.socket.refract-new", "opt/refract/originals/etc/refractd/config.toml.new",
		"etc/kubernetes/kubelet.conf.d/10-refract.conf", "etc/kubernetes/kubelet.conf.d/10-refract.conf.refract-new", "opt/refract/generations/.new"} {
		for _, folder := range []bool{true, false} {
			root, bundle, outside := newHost(t), newBundle(t, program("v1")), t.TempDir()
			target := filepath.Join(outside, "there")
			if folder {
				write(t, filepath.Join(target, "file"), "mine", 0o644)
			} else {
				write(t, target, "mine", 0o644)
			}
			link := filepath.Join(root, path)
			if err := errors.Join(os.MkdirAll(filepath.Dir(link), 0o755), os.Symlink(target, link)); err != nil {
				t.Fatal(err)
			}
			here := tree(t, outside)
			for _, command := range []string{"install", "uninstall"} {
				// It may refuse.
				output, err := script(t, bundle, nil, command, "--root", root)
				if changed := differ(here, tree(t, outside)); len(changed) > 0 {
					t.Errorf("%s: %s (%v, %s): %v", path, command, err, output, changed)
				}
			}
		}
	}
}

// TestLinksWithoutEnd are refused as they are by every system.
func TestLinksWithoutEnd(t *testing.T) {
	root, bundle := newHost(t), newBundle(t, program("v1"))
	if err := os.Symlink("kubernetes", filepath.Join(root, "etc/kubernetes")); err != nil {
		t.Fatal(err)
	}
	before := tree(t, root)
	if output, err := script(t, bundle, nil, "install", "--root", root); err == nil {
		t.Error(output)
	}
	if changed := differ(before, tree(t, root)); len(changed) > 0 {
		t.Errorf("changed %v", changed)
	}
}
