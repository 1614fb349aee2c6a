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
	extended = []string{"images-first", "artifact-first-same-platform", "artifact-first-no-platform", "soci-v2", "artifacts-before-nested"}
)

// portions are the platforms for which an image is pulled.
var portions = map[string][]string{
	"one": nil, "two": {"--platform", "linux/amd64", "--platform", "linux/arm64"}, "all": {"--all-platforms"},
}

// uses are what people do with an image, one of whose platforms they have, or several.
var uses = map[string]func(ctx context.Context, daemon *harness.Daemon, image, copied, file string) error{
	"export":                 exporting(),
	"export --platform":      exporting("--platform", "linux/"+goarch),
	"export --all-platforms": exporting("--all-platforms"),
	"push":                   pushing(),
	"push --platform":        pushing("--platform", "linux/"+goarch),
	"push of two":            pushing("--local", "--platform", "linux/amd64", "--platform", "linux/arm64"),
	"convert":                converting(),
	"convert all":            converting("--all-platforms"),
	"usage": func(ctx context.Context, daemon *harness.Daemon, image, _, _ string) error {
		return succeeds(ctx, daemon, "images", "usage", image)
	},
	"check": func(ctx context.Context, daemon *harness.Daemon, image, _, _ string) error {
		told, err := quiet(ctx, daemon, wholeNamespace, "images", "check", "name=="+image)
		if err == nil && (!strings.Contains(told, "complete (") || strings.Contains(told, "incomplete")) {
			err = errors.New(told)
		}
		return err
	},
}

const wholeNamespace = criNamespace

var wholeCopies atomic.Int64

func succeeds(ctx context.Context, daemon *harness.Daemon, arguments ...string) error {
	result, err := daemon.Ctr(ctx, wholeNamespace, arguments...)
	return errors.Join(err, result.Err())
}

func exporting(flags ...string) func(context.Context, *harness.Daemon, string, string, string) error {
	return func(ctx context.Context, daemon *harness.Daemon, image, _, file string) error {
		return succeeds(ctx, daemon, slices.Concat([]string{"images", "export", "--local"}, flags, []string{file, image})...)
	}
}

func pushing(flags ...string) func(context.Context, *harness.Daemon, string, string, string) error {
	return func(ctx context.Context, daemon *harness.Daemon, image, copied, _ string) error {
		return succeeds(ctx, daemon, slices.Concat([]string{"images", "push", "--plain-http"}, flags, []string{copied, image})...)
	}
}

func converting(flags ...string) func(context.Context, *harness.Daemon, string, string, string) error {
	return func(ctx context.Context, daemon *harness.Daemon, image, copied, _ string) error {
		err := succeeds(ctx, daemon, slices.Concat([]string{"images", "convert", "--uncompress"}, flags, []string{image, copied})...)
		if err == nil {
			err = succeeds(ctx, daemon, "images", "rm", "--sync", copied)
		}
		return err
	}
}

// TestPulledImagesAreWhole pulls each way for one platform, two and all, and does with the image what people do with it.
func TestPulledImagesAreWhole(t *testing.T) {
	for _, way := range []struct {
		name, portion string
		ours, stock   func(testing.TB) *harness.Daemon
		pull          func(ctx context.Context, daemon *harness.Daemon, image string, flags []string) error
	}{
		{"transfer", "", refractDaemon, stockDaemon, pullingWith()},
		{"local", "", refractDaemon, stockDaemon, pullingWith("--local")},
		{"cri", "one", refractDaemon, stockDaemon, pullingByCRI},
		{"refractd", "one", behindDaemon, stockDaemon, pullingByCRI},
	} {
		for portion, flags := range portions {
			if way.portion != "" && way.portion != portion {
				continue
			}
			t.Run(way.name+"/"+portion, func(t *testing.T) {
				plain := usedBy(t, way.stock(t), way.pull, "multi-platform", flags)
				single := usedBy(t, way.stock(t), way.pull, "single-manifest", flags)
				for _, name := range ordinary {
					compare(t, name, usedBy(t, way.ours(t), way.pull, name, flags), usedBy(t, way.stock(t), way.pull, name, flags))
				}
				for _, name := range extended {
					// Of one platform, the manifest may be the target: then nothing but it is needed.
					want := plain
					if portion == "one" {
						want = single
					}
					compare(t, name, usedBy(t, way.ours(t), way.pull, name, flags), want)
				}
			})
		}
	}
}

func pullingWith(way ...string) func(context.Context, *harness.Daemon, string, []string) error {
	return func(ctx context.Context, daemon *harness.Daemon, image string, flags []string) error {
		return daemon.Pull(ctx, wholeNamespace, image, slices.Concat(way, flags)...)
	}
}

func pullingByCRI(ctx context.Context, daemon *harness.Daemon, image string, _ []string) error {
	_, err := daemon.CRIPull(ctx, image)
	return err
}

// usedBy pulls an image, uses it, and removes it: what came of each use is told by its name.
func usedBy(t *testing.T, daemon *harness.Daemon, pull func(context.Context, *harness.Daemon, string, []string) error, name string, flags []string) map[string]error {
	t.Helper()
	shape := byName(t, name)
	image := shared.tag(shape)
	if err := pull(t.Context(), daemon, image, flags); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	came := map[string]error{}
	for use, do := range uses {
		// A repository that has nothing yet: what is there already need not be pushed.
		copied := fmt.Sprintf("%s/whole-%d/%s:latest", shared.storing.Host, wholeCopies.Add(1), shape.Name)
		came[use] = do(t.Context(), daemon, image, copied, filepath.Join(t.TempDir(), "image.tar"))
	}
	if err := daemon.CRIRemove(t.Context(), image); err != nil {
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
