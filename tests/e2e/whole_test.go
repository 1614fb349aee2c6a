// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/refract-oci/refract/tests/e2e/harness"
)

// ordinary are shapes that a plain containerd pulls right, extended those that are made for refract. What can be done with the
// first must work wherever it works for the same image pulled by a plain containerd; with the others, wherever it does with a
// plain multi-platform image.
var (
	ordinary = []string{"multi-platform", "buildkit-attestations", "docker-manifest-list", "nested"}
	extended = []string{"images-first", "artifact-first-same-platform", "artifact-first-no-platform", nestedOnly}
)

// nestedOnly is an index that lists its images in another one: containerd exports no such index.
const nestedOnly = "artifacts-before-nested"

// errSelectsAgain stands for what a plain containerd makes of an extended index by itself.
var errSelectsAgain = errors.New("containerd selects again")

// portions are the platforms for which an image is pulled.
var portions = map[string][]string{
	"one": nil, "two": {"--platform", "linux/amd64", "--platform", "linux/arm64"}, "all": {"--all-platforms"},
}

// uses are what people do with an image, one of whose platforms they have, or several.
var uses = map[string]func(ctx context.Context, daemon *harness.Daemon, namespace, image, copied, file string) error{
	"export":                 exporting(),
	"export --platform":      exporting("--platform", "linux/"+goarch),
	"export --all-platforms": exporting("--all-platforms"),
	"push":                   pushing(),
	"push --platform":        pushing("--platform", "linux/"+goarch),
	"push of two":            pushing("--local", "--platform", "linux/amd64", "--platform", "linux/arm64"),
	"convert":                converting(),
	"convert all":            converting("--all-platforms"),
	"usage": func(ctx context.Context, daemon *harness.Daemon, namespace, image, _, _ string) error {
		return succeeds(ctx, daemon, namespace, "images", "usage", image)
	},
	"check": func(ctx context.Context, daemon *harness.Daemon, namespace, image, _, _ string) error {
		told, err := quiet(ctx, daemon, namespace, "images", "check", "name=="+image)
		if err == nil && (!strings.Contains(told, "complete (") || strings.Contains(told, "incomplete")) {
			err = errors.New(told)
		}
		return err
	},
}

// control are uses that work for a plain containerd, however many platforms it pulled.
var control = []string{"export --platform", "convert"}

// wholeWay is a way to pull, for all portions or one.
type wholeWay struct {
	name, portion, namespace string
	ours, stock              func(testing.TB) *harness.Daemon
	pull                     func(ctx context.Context, daemon *harness.Daemon, image string, flags []string) error
	remove                   func(ctx context.Context, daemon *harness.Daemon, image string) error
}

var wholeCopies atomic.Int64

func succeeds(ctx context.Context, daemon *harness.Daemon, namespace string, arguments ...string) error {
	result, err := daemon.Ctr(ctx, namespace, arguments...)
	return errors.Join(err, result.Err())
}

func exporting(flags ...string) func(context.Context, *harness.Daemon, string, string, string, string) error {
	return func(ctx context.Context, daemon *harness.Daemon, namespace, image, _, file string) error {
		return succeeds(ctx, daemon, namespace, slices.Concat([]string{"images", "export", "--local"}, flags, []string{file, image})...)
	}
}

func pushing(flags ...string) func(context.Context, *harness.Daemon, string, string, string, string) error {
	return func(ctx context.Context, daemon *harness.Daemon, namespace, image, copied, _ string) error {
		return succeeds(ctx, daemon, namespace, slices.Concat([]string{"images", "push", "--plain-http"}, flags, []string{copied, image})...)
	}
}

func converting(flags ...string) func(context.Context, *harness.Daemon, string, string, string, string) error {
	return func(ctx context.Context, daemon *harness.Daemon, namespace, image, copied, _ string) error {
		err := succeeds(ctx, daemon, namespace, slices.Concat([]string{"images", "convert", "--uncompress"}, flags, []string{image, copied})...)
		if err == nil {
			err = succeeds(ctx, daemon, namespace, "images", "rm", "--sync", copied)
		}
		return err
	}
}

// TestPulledImagesAreWhole pulls each way for one platform, two and all, and does with the image what people do with it.
func TestPulledImagesAreWhole(t *testing.T) {
	all := []wholeWay{
		{"transfer", "", "whole", refractDaemon, stockDaemon, pullingWith(), removing},
		{"local", "all", "whole", refractDaemon, stockDaemon, pullingWith("--local"), removing},
	}
	// CRI keeps what it hears of in its namespace, converted images, too: the shared daemons are not for that.
	plainCRI := start(t, harness.StartStock, harness.Config{})
	for name, with := range map[string]starter{"cri": harness.StartRefract, "refractd": harness.StartBehindRefractd} {
		daemon := start(t, with, harness.Config{})
		all = append(all, wholeWay{name, "one", criNamespace,
			func(testing.TB) *harness.Daemon { return daemon }, func(testing.TB) *harness.Daemon { return plainCRI },
			pullingByCRI, func(ctx context.Context, daemon *harness.Daemon, image string) error {
				return daemon.CRIRemove(ctx, image)
			}})
	}
	for _, way := range all {
		for portion, flags := range portions {
			if way.portion != "" && way.portion != portion {
				continue
			}
			t.Run(way.name+"/"+portion, func(t *testing.T) {
				ours, stock := way.ours(t), way.stock(t)
				// Of one platform, the manifest may be the target: then nothing but it is needed.
				plain := map[string]string{"one": "single-manifest", "two": "multi-platform", "all": "multi-platform"}[portion]
				want := way.use(t, stock, plain, flags)
				for _, use := range control {
					if want[use] != nil {
						t.Fatalf("%s of %s fails for a plain containerd, so nothing is compared: %v", use, plain, want[use])
					}
				}
				for _, name := range ordinary {
					compare(t, name, way.use(t, ours, name, flags), way.use(t, stock, name, flags))
				}
				for _, name := range extended {
					if portion != "one" && name == nestedOnly {
						want = way.use(t, stock, "nested", flags)
					}
					if portion != "one" {
						// These select again, from an index that has artifacts as well: the pull warned that this goes wrong.
						want["check"], want["usage"] = errSelectsAgain, errSelectsAgain
					}
					compare(t, name, way.use(t, ours, name, flags), want)
				}
			})
		}
	}
	nothingStays(t, refractDaemon(t), "whole")
}

func pullingWith(way ...string) func(context.Context, *harness.Daemon, string, []string) error {
	return func(ctx context.Context, daemon *harness.Daemon, image string, flags []string) error {
		return daemon.Pull(ctx, "whole", image, slices.Concat(way, flags)...)
	}
}

func pullingByCRI(ctx context.Context, daemon *harness.Daemon, image string, _ []string) error {
	_, err := daemon.CRIPull(ctx, image)
	return err
}

func removing(ctx context.Context, daemon *harness.Daemon, image string) error {
	_, err := quiet(ctx, daemon, "whole", "images", "rm", "--sync", image)
	return err
}

// use pulls an image, uses it, and removes it: what came of each use is told by its name.
func (w wholeWay) use(t *testing.T, daemon *harness.Daemon, name string, flags []string) map[string]error {
	t.Helper()
	shape := byName(t, name)
	image := shared.tag(shape)
	if err := w.pull(t.Context(), daemon, image, flags); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	came := map[string]error{}
	for use, do := range uses {
		// A repository that has nothing yet: what is there already need not be pushed.
		copied := fmt.Sprintf("%s/whole-%d/%s:latest", shared.storing.Host, wholeCopies.Add(1), shape.Name)
		came[use] = do(t.Context(), daemon, w.namespace, image, copied, filepath.Join(t.TempDir(), "image.tar"))
	}
	if err := w.remove(t.Context(), daemon, image); err != nil {
		t.Fatal(err)
	}
	return came
}

func compare(t *testing.T, name string, ours, want map[string]error) {
	t.Helper()
	for _, use := range slices.Sorted(maps.Keys(uses)) {
		if ours[use] != nil && want[use] == nil {
			t.Errorf("%s, %s: %v", name, use, ours[use])
		}
	}
}
