// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/namespaces"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/shapes"
)

// flags are the ways in which ctr exports and pushes.
var flags = [][]string{nil, {"--local"}, {"--platform", "linux/" + goarch}, {"--local", "--platform", "linux/" + goarch}}

// trial is one thing that people do with a pulled image.
type trial struct {
	name string
	do   func(t *testing.T, daemon *harness.Daemon, image string, shape shapes.Shape) error
}

func trials() []trial {
	all := []trial{
		{"ls", func(t *testing.T, daemon *harness.Daemon, image string, _ shapes.Shape) error {
			_, err := quiet(t.Context(), daemon, commandsNamespace, "images", "ls", "name=="+image)
			return err
		}},
		{"check", func(t *testing.T, daemon *harness.Daemon, image string, _ shapes.Shape) error {
			told, err := quiet(t.Context(), daemon, commandsNamespace, "images", "check", "name=="+image)
			if !strings.Contains(told, "complete (") || strings.Contains(told, "incomplete") {
				err = errors.Join(err, errors.New(told))
			}
			return err
		}},
		{"usage", func(t *testing.T, daemon *harness.Daemon, image string, _ shapes.Shape) error {
			_, err := quiet(t.Context(), daemon, commandsNamespace, "images", "usage", image)
			return err
		}},
	}
	for i, with := range flags {
		all = append(all,
			trial{"export " + strings.Join(with, " "), func(t *testing.T, daemon *harness.Daemon, image string, shape shapes.Shape) error {
				return exportAndImport(t, daemon, image, shape, with)
			}},
			trial{"push " + strings.Join(with, " "), func(t *testing.T, daemon *harness.Daemon, image string, shape shapes.Shape) error {
				copied := fmt.Sprintf("%s/pushed-by-%d-%d/%s:latest", shared.storing.Host, daemon.PID(), i, shape.Name)
				return pushAndPull(t, daemon, image, copied, shape, with)
			}})
	}
	return all
}

const commandsNamespace = "commands"

// TestCommandsOnPulledImages: images ls, check, usage, export and push of every shape succeed where stock's succeed with a plain
// image whose record points at the same kind of thing: nothing on standard error, no error in the daemon's log, and the content
// is whole. What was exported and what was pushed is imported and pulled again, and runs.
func TestCommandsOnPulledImages(t *testing.T) {
	stock := stockDaemon(t)
	plainly := map[bool]map[string]error{}
	for isIndex, plain := range map[bool]string{true: "multi-platform", false: "single-manifest"} {
		plainly[isIndex] = try(t, stock, byName(t, plain))
	}
	daemon := refractDaemon(t)
	runnable, _ := shared.runnable()
	for _, shape := range runnable {
		t.Run(shape.Name, func(t *testing.T) {
			begin, err := daemon.LogMark()
			if err != nil {
				t.Fatal(err)
			}
			isIndex := targetIsIndex(t, daemon, shape)
			for name, err := range try(t, daemon, shape) {
				switch ofStock := plainly[isIndex][name]; {
				case err == nil:
				case ofStock != nil:
					t.Logf("%s: stock cannot do it with a plain image either: %v", name, ofStock)
				case strings.HasPrefix(name, "push") && shape.Name == "media-type-disagreement":
					// A registry that reads what it stores refuses it, whoever pushes.
				default:
					t.Errorf("%s: %v", name, err)
				}
			}
			log, err := daemon.LogSince(begin)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(log) {
				// The shim's own words are about the machine's cgroups; the stream's are of an export that ctr did not wait for.
				loud := strings.Contains(line, "level=error") || strings.Contains(line, "level=fatal")
				if loud && !strings.Contains(line, "runtime=io.containerd.runc.v2") && !strings.Contains(line, "failed sending message on channel") {
					t.Errorf("the daemon's log has %s", line)
				}
			}
		})
	}
	nothingStays(t, daemon, commandsNamespace)
}

// try pulls a shape, does everything with it and removes it again; what came of each is returned by name.
func try(t *testing.T, daemon *harness.Daemon, shape shapes.Shape) map[string]error {
	t.Helper()
	image := shared.tag(shape)
	if err := daemon.Pull(t.Context(), commandsNamespace, image); err != nil {
		t.Fatal(err)
	}
	came := map[string]error{}
	for _, one := range trials() {
		came[one.name] = one.do(t, daemon, image, shape)
	}
	if _, err := quiet(t.Context(), daemon, commandsNamespace, "images", "rm", "--sync", image); err != nil {
		t.Error(err)
	}
	return came
}

// targetIsIndex pulls a shape and tells what its record points at.
func targetIsIndex(t *testing.T, daemon *harness.Daemon, shape shapes.Shape) bool {
	t.Helper()
	image := shared.tag(shape)
	if err := daemon.Pull(t.Context(), commandsNamespace, image); err != nil {
		t.Fatal(err)
	}
	record, err := daemon.Client.ImageService().Get(namespaces.WithNamespace(t.Context(), commandsNamespace), image)
	if err != nil {
		t.Fatal(err)
	}
	return images.IsIndexType(record.Target.MediaType)
}

// quiet runs a command that must succeed, and write nothing on standard error.
func quiet(ctx context.Context, daemon *harness.Daemon, namespace string, arguments ...string) (string, error) {
	result, err := daemon.Ctr(ctx, namespace, arguments...)
	if err == nil && (result.Code != 0 || result.Errors() != "") {
		err = fmt.Errorf("%s: exit code %d: %s", strings.Join(arguments, " "), result.Code, result.Errors())
	}
	return result.Stdout, err
}

// exportAndImport exports, imports the file elsewhere, and runs that.
func exportAndImport(t *testing.T, daemon *harness.Daemon, image string, shape shapes.Shape, with []string) error {
	file := filepath.Join(t.TempDir(), "image.tar")
	if err := export(t.Context(), daemon, image, file, with); err != nil {
		return err
	}
	const other = "imported"
	if _, err := quiet(t.Context(), daemon, other, "images", "import", "--local", "--snapshotter", daemon.Snapshotter, file); err != nil {
		return err
	}
	return runAndRemove(t.Context(), daemon, other, image, shape)
}

// export exports until the file is whole: ctr ends as soon as the daemon has sent everything, also while it is still writing.
func export(ctx context.Context, daemon *harness.Daemon, image, file string, with []string) error {
	var err error
	for range 5 {
		if _, err = quiet(ctx, daemon, commandsNamespace, append(append([]string{"images", "export"}, with...), file, image)...); err != nil {
			return err
		}
		if err = isWhole(file); err == nil {
			return nil
		}
	}
	return err
}

func isWhole(file string) error {
	opened, err := os.Open(file)
	if err != nil {
		return err
	}
	defer opened.Close()
	archive := tar.NewReader(opened)
	for {
		if _, err := archive.Next(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, archive); err != nil {
			return err
		}
	}
	// An archive ends in two empty blocks.
	info, err := opened.Stat()
	if err != nil {
		return err
	}
	end := make([]byte, 1024)
	if _, err := opened.ReadAt(end, info.Size()-int64(len(end))); err != nil {
		return err
	}
	if strings.Trim(string(end), "\x00") != "" {
		return fmt.Errorf("%s is cut off", file)
	}
	return nil
}

// pushAndPull pushes, pulls that, and runs it.
func pushAndPull(t *testing.T, daemon *harness.Daemon, image, copied string, shape shapes.Shape, with []string) error {
	if _, err := quiet(t.Context(), daemon, commandsNamespace, append(append([]string{"images", "push", "--plain-http"}, with...), copied, image)...); err != nil {
		return err
	}
	const other = "pulled-again"
	if err := daemon.Pull(t.Context(), other, copied); err != nil {
		return err
	}
	return runAndRemove(t.Context(), daemon, other, copied, shape)
}

func runAndRemove(ctx context.Context, daemon *harness.Daemon, namespace, image string, shape shapes.Shape) error {
	output, err := daemon.Run(ctx, namespace, image)
	if err == nil && output != shape.Output {
		err = fmt.Errorf("it printed %q, want %q", output, shape.Output)
	}
	_, removed := quiet(ctx, daemon, namespace, "images", "rm", "--sync", image)
	return errors.Join(err, removed)
}
