// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Command demo shows the main job with real parts: a registry, containerd as it is, and containerd-refract. They run on
// loopback, in a folder that is removed at the end.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("this runs containers: run it as root (sudo make demo)")
	}
	tools, err := harness.FindTools()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "refract-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, err := harness.StartRegistry(harness.DockerRegistry, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()

	shape := shapes.ByName("sbom-and-signature-first")
	if err := registry.Push(ctx, server.Host, "app", shape, "1.0"); err != nil {
		return err
	}
	image := server.Host + "/app:1.0"
	title("An extended index in a registry: its artifacts stand before the image")
	if err := describe(image, shape); err != nil {
		return err
	}

	title("containerd as it is")
	stock, err := start(tools, dir, "stock", harness.StartStock)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stock.Close()) }()
	if err := stockFails(ctx, stock, image); err != nil {
		return err
	}

	title("containerd-refract")
	daemon, err := start(tools, dir, "refract", harness.StartRefract)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, daemon.Close()) }()
	if err := refractWorks(ctx, daemon, image, shape, filepath.Join(dir, "sbom.json")); err != nil {
		return err
	}

	title("refract, where there is no containerd")
	return commandWorks(ctx, image, shape, dir)
}

func start(tools harness.Tools, dir, name string, with func(harness.Tools, string, harness.Config) (*harness.Daemon, error)) (*harness.Daemon, error) {
	own := filepath.Join(dir, name)
	if err := os.Mkdir(own, 0o700); err != nil {
		return nil, err
	}
	return with(tools, own, harness.Config{})
}

// describe shows the entries of the index in their order.
func describe(image string, shape shapes.Shape) error {
	entries, err := shape.Entries()
	if err != nil {
		return err
	}
	fmt.Printf("%s %s\n", image, short(shape.Root.Digest))
	for _, entry := range entries {
		kind := "image"
		if named := entry.Annotations["org.opencontainers.reference.type"]; named != "" {
			kind = fmt.Sprintf("%s of %s", named, short(digest.Digest(entry.Annotations["org.opencontainers.reference.digest"])))
		}
		fmt.Printf("  %s  %-12s  %s\n", short(entry.Digest), entry.Platform.OS+"/"+entry.Platform.Architecture, kind)
	}
	return nil
}

func stockFails(ctx context.Context, daemon *harness.Daemon, image string) error {
	if _, err := show(ctx, daemon, "ctr", "images", "pull", "--plain-http", image); err != nil {
		return err
	}
	ran, err := show(ctx, daemon, "ctr", "run", "--rm", "--snapshotter", daemon.Snapshotter, image, "demo")
	if err != nil {
		return err
	}
	if ran.Code == 0 {
		return errors.New("stock containerd ran the image: this demo is out of date")
	}
	return nil
}

func refractWorks(ctx context.Context, daemon *harness.Daemon, image string, shape shapes.Shape, file string) error {
	steps := [][]string{
		{"images", "pull", "--plain-http", image},
		{"run", "--rm", "--snapshotter", daemon.Snapshotter, image, "demo"},
		{"references", "fetch", "--plain-http", image},
		{"references", "tree", image},
		{"references", "get", "--type", "sbom", "-o", file, image},
	}
	for _, step := range steps {
		came, err := show(ctx, daemon, "ctr-refract", step...)
		if err == nil {
			err = came.Err()
		}
		if err != nil {
			return err
		}
		if step[0] == "run" && strings.TrimSpace(came.Stdout) != shape.Output {
			return fmt.Errorf("the container printed %q, want %q", came.Stdout, shape.Output)
		}
	}
	sbom, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	fmt.Printf("$ cat %s\n%s\n", filepath.Base(file), sbom)
	// What the artifact's manifest names is what was written.
	manifest, err := native.ReadManifest(shape.References[0].String(), shape.Blobs[shape.References[0]])
	if err != nil {
		return err
	}
	named := manifest.Layers[0].Digest
	if err := native.VerifyDigest(named.String(), sbom); err != nil {
		return err
	}
	fmt.Printf("$ sha256sum %s\n%s  as the SBOM's manifest %s names it\n", filepath.Base(file), named.Encoded(), short(shape.References[0]))
	return nil
}

// commandWorks shows the command that needs no daemon, on the same registry.
func commandWorks(ctx context.Context, image string, shape shapes.Shape, dir string) error {
	program, err := programs.Find("bin", "refract")
	if err != nil {
		return err
	}
	for _, arguments := range [][]string{
		{"inspect", image},
		{"references", "tree", image},
		{"references", "get", "--type", "sbom", image},
		{"select", "--platform", "linux/amd64", image},
		{"select", "--platform", "linux/amd64", "--as", "containerd", image},
	} {
		fmt.Printf("$ refract %s\n", strings.Join(arguments, " "))
		command := exec.CommandContext(ctx, program, arguments...)
		command.Dir = dir
		printed, err := command.CombinedOutput()
		fmt.Printf("%s\n", bytes.TrimSpace(printed))
		stockFails := slices.Contains(arguments, "--as")
		switch {
		case err != nil && !stockFails:
			return fmt.Errorf("refract %s: %w", arguments[0], err)
		case err == nil && stockFails:
			return errors.New("refract predicts that stock containerd runs the image: this demo is out of date")
		case arguments[0] == "select" && !stockFails && strings.TrimSpace(string(printed)) != shape.Selected.String():
			return fmt.Errorf("refract selects %s, want %s", printed, shape.Selected)
		}
	}
	return nil
}

// show runs a command and prints what a person would have seen, without what is this machine's business; of a pull, only that it
// is done.
func show(ctx context.Context, daemon *harness.Daemon, program string, arguments ...string) (harness.Result, error) {
	var seen []string
	folder := ""
	for i := 0; i < len(arguments); i++ {
		switch argument := arguments[i]; {
		case argument == "--plain-http":
		case argument == "--snapshotter":
			i++
		case filepath.IsAbs(argument):
			folder = filepath.Dir(argument) + "/"
			seen = append(seen, filepath.Base(argument))
		default:
			seen = append(seen, argument)
		}
	}
	fmt.Printf("$ %s %s\n", program, strings.Join(seen, " "))
	came, err := daemon.Ctr(ctx, "default", arguments...)
	if err != nil {
		return came, err
	}
	printed := strings.TrimSpace(came.Stdout)
	if arguments[0] == "images" && came.Code == 0 {
		printed = "done"
	}
	for _, text := range []string{printed, strings.TrimSpace(came.Errors())} {
		if text != "" {
			fmt.Println(strings.TrimPrefix(text, folder))
		}
	}
	if came.Code != 0 {
		fmt.Printf("(exit code %d)\n", came.Code)
	}
	return came, nil
}

func title(text string) { fmt.Printf("\n── %s\n", text) }

func short(d digest.Digest) string { return d.Encoded()[:12] }
