// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/pkg/namespaces"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/shapes"
)

const criNamespace = "k8s.io"

// namespaceOf keeps the ways apart, so that none finds what another has pulled.
func namespaceOf(way string) string {
	if way == "cri" {
		return criNamespace
	}
	return "way-" + way
}

// pull pulls in one of the three ways.
func pull(ctx context.Context, daemon *harness.Daemon, way, name string) error {
	switch way {
	case "cri":
		_, err := daemon.CRIPull(ctx, name)
		return err
	case "local":
		return daemon.Pull(ctx, namespaceOf(way), name, "--local")
	default:
		return daemon.Pull(ctx, namespaceOf(way), name)
	}
}

func run(ctx context.Context, l *lazyDaemon, way, name string) (string, error) {
	if way == "cri" {
		return l.pod.Run(ctx, name)
	}
	return l.daemon.Run(ctx, namespaceOf(way), name)
}

func remove(ctx context.Context, daemon *harness.Daemon, way, name string) error {
	if way == "cri" {
		return daemon.CRIRemove(ctx, name)
	}
	result, err := daemon.Ctr(ctx, namespaceOf(way), "images", "rm", "--sync", name)
	return errors.Join(err, result.Err())
}

// pullAndRun returns what went wrong, beginning with the step that did.
func pullAndRun(ctx context.Context, l *lazyDaemon, way, name string, shape shapes.Shape) error {
	if err := pull(ctx, l.daemon, way, name); err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	output, runErr := run(ctx, l, way, name)
	removeErr := remove(ctx, l.daemon, way, name)
	switch {
	case runErr != nil:
		return fmt.Errorf("run: %w", runErr)
	case output != shape.Output:
		return fmt.Errorf("other program ran: it printed %q, want %q", output, shape.Output)
	}
	return removeErr
}

// TestPullAndRun pulls every shape by tag and by digest in all three ways, runs it and compares what it prints.
func TestPullAndRun(t *testing.T) {
	daemon := refractDaemon(t)
	runnable, _ := shared.runnable()
	for _, shape := range runnable {
		t.Run(shape.Name, func(t *testing.T) {
			for by, name := range shared.names(shape) {
				for _, way := range ways {
					t.Run(by+"/"+way, func(t *testing.T) {
						err := pullAndRun(t.Context(), &shared.refract, way, name, shape)
						summary.note(shape.Name, "refract "+way+" "+by, words(err))
						if err != nil {
							t.Errorf("%s (%s): %v", name, shape.About, err)
						}
					})
				}
			}
		})
	}
	for _, way := range ways {
		t.Run("nothing stays/"+way, func(t *testing.T) { nothingStays(t, daemon, namespaceOf(way)) })
	}
}

// TestRefused pulls every shape that must be refused: the error has the words, the daemon lives, and nothing is left.
func TestRefused(t *testing.T) {
	daemon := refractDaemon(t)
	pid := daemon.PID()
	_, refused := shared.runnable()
	for _, shape := range refused {
		t.Run(shape.Name, func(t *testing.T) {
			for by, name := range shared.names(shape) {
				for _, way := range ways {
					t.Run(by+"/"+way, func(t *testing.T) {
						err := pull(t.Context(), daemon, way, name)
						failure := refusal(err, shape, name)
						summary.note(shape.Name, "refract "+way+" "+by, failure)
						if failure != "" {
							t.Errorf("%s (%s): %s", name, shape.About, failure)
						}
						nothingStays(t, daemon, namespaceOf(way))
					})
				}
			}
		})
	}
	if err := daemon.Running(); err != nil || daemon.PID() != pid {
		t.Errorf("the daemon was process %d and is %d: %v", pid, daemon.PID(), err)
	}
}

// refusal is empty if the pull was refused in the right words.
func refusal(err error, shape shapes.Shape, name string) string {
	if err == nil {
		return "pulled, though it must be refused"
	}
	for _, word := range append([]string{strings.SplitN(name, "/", 2)[1]}, shape.Refusal...) {
		if !strings.Contains(err.Error(), word) {
			return fmt.Sprintf("pull was refused without the word %q: %v", word, err)
		}
	}
	return ""
}

func words(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestLocalPullForSeveralPlatforms unpacks the proven image of each platform, where containerd would search the index again.
func TestLocalPullForSeveralPlatforms(t *testing.T) {
	daemon := refractDaemon(t)
	for _, name := range []string{"artifact-first-same-platform", "artifacts-before-nested", "multi-platform"} {
		shape := byName(t, name)
		image := shared.tag(shape)
		for _, platforms := range [][]string{{"--platform", "linux/amd64", "--platform", "linux/arm64"}, {"--all-platforms"}} {
			if err := daemon.Pull(t.Context(), "several", image, append([]string{"--local", "--snapshotter", daemon.Snapshotter}, platforms...)...); err != nil {
				t.Errorf("%s, %q: %v", name, platforms, err)
			}
			if err := daemon.Collect(t.Context(), "several"); err != nil {
				t.Fatal(err)
			}
			if _, err := quiet(t.Context(), daemon, "several", "images", "rm", "--sync", image); err != nil {
				t.Error(err)
			}
		}
	}
	nothingStays(t, daemon, "several")
	image := shared.tag(byName(t, "artifact-first-same-platform"))
	err := daemon.Pull(t.Context(), "several", image, "--local", "--snapshotter", daemon.Snapshotter, "--platform", "linux/"+goarch, "--platform", "linux/s390x")
	if err == nil || !strings.Contains(err.Error(), "no image for linux/s390x") {
		t.Errorf("pulled for a platform that is not there: %v", err)
	}
	if _, err := quiet(t.Context(), daemon, "several", "images", "rm", "--sync", image); err != nil {
		t.Error(err)
	}
}

// TestLocalPullOverAnInterruptedOne: what an interrupted pull left of the index, or wrong bytes for it, is not built upon.
func TestLocalPullOverAnInterruptedOne(t *testing.T) {
	daemon := refractDaemon(t)
	shape := byName(t, "artifact-first-same-platform")
	const namespace = "interrupted"
	ctx := namespaces.WithNamespace(t.Context(), namespace)
	store := daemon.Client.ContentStore()
	for what, left := range map[string][]byte{
		"a wrong beginning": []byte("garbage"), "as many wrong bytes": bytes.Repeat([]byte("x"), int(shape.Root.Size)),
		"a right beginning": shape.Blobs[shape.Root.Digest][:100],
	} {
		for _, way := range [][]string{{"--local"}, nil} {
			_, name := ownRegistry(t, noted(shape, what+strings.Join(way, "")))
			moved := noted(shape, what+strings.Join(way, ""))
			writer, err := content.OpenWriter(ctx, store, content.WithRef(remotes.MakeRefKey(ctx, moved.Root)), content.WithDescriptor(moved.Root))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := writer.Write(left[:min(len(left), int(moved.Root.Size))]); err != nil {
				t.Fatal(err)
			}
			if err := writer.Close(); err != nil {
				t.Fatal(err)
			}
			if err := daemon.Pull(t.Context(), namespace, name, way...); err != nil {
				t.Errorf("%s, %q: %v", what, way, err)
				continue
			}
			if _, err := quiet(t.Context(), daemon, namespace, "images", "rm", "--sync", name); err != nil {
				t.Error(err)
			}
		}
	}
	nothingStays(t, daemon, namespace)
}
