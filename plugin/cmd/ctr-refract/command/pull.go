// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/cmd/ctr/commands"
	"github.com/containerd/containerd/v2/cmd/ctr/commands/content"
	"github.com/containerd/containerd/v2/core/diff"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	"github.com/containerd/platforms"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/urfave/cli/v3"
	"google.golang.org/grpc"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/references"
	"github.com/refract-oci/refract/plugin/service"
	"github.com/refract-oci/refract/plugin/transfer"
)

// replacePull replaces ctr's `images pull --local`. Without --local, ctr's own pull runs in the daemon.
func replacePull(ctr *cli.Command) error {
	group := slices.IndexFunc(ctr.Commands, func(cmd *cli.Command) bool { return cmd.Name == "images" })
	if group < 0 {
		return errors.New("ctr has no images command to extend")
	}
	// ctr's commands are variables of its packages, so they are copied before they are changed.
	extended := *ctr.Commands[group]
	extended.Commands = slices.Clone(extended.Commands)
	number := slices.IndexFunc(extended.Commands, func(cmd *cli.Command) bool { return cmd.Name == "pull" })
	if number < 0 {
		return errors.New("ctr has no images pull command to extend")
	}
	pull := *extended.Commands[number]
	stock := pull.Action
	pull.Action = func(ctx context.Context, cmd *cli.Command) error {
		if !cmd.Bool("local") {
			return stock(ctx, cmd)
		}
		return pullLocally(ctx, cmd)
	}
	extended.Commands[number] = &pull
	ctr.Commands[group] = &extended
	return nil
}

// pullLocally does what ctr does, and adds our option to the options of the fetch.
func pullLocally(ctx context.Context, cmd *cli.Command) error {
	ref := cmd.Args().First()
	if ref == "" {
		return errors.New("please provide an image reference to pull")
	}
	client, ctx, cancel, err := commands.NewClient(ctx, cmd)
	if err != nil {
		return err
	}
	defer cancel()
	ctx, done, err := client.WithLease(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err := done(context.WithoutCancel(ctx)); err != nil {
			log.G(ctx).WithError(err).Warn("could not release the lease")
		}
	}()
	config, err := content.NewFetchConfig(ctx, cmd)
	if err != nil {
		return err
	}
	pulling, err := nodesPolicy(ctx, cmd, client, ref)
	if err != nil {
		return err
	}
	config.RemoteOpts = append(config.RemoteOpts, transfer.WithExtendedIndexes(pulling))
	image, err := content.Fetch(ctx, client, ref, config)
	if err != nil {
		return err
	}
	targets, err := unpackTargets(ctx, cmd, client, image)
	if err != nil {
		return err
	}
	start := time.Now()
	for _, target := range targets {
		if err := unpack(ctx, cmd, client, target); err != nil {
			return err
		}
	}
	fmt.Printf("done: %s\t\n", time.Since(start))
	return nil
}

// nodesPolicy is the policy of the daemon, for an image that this program pulls into its stores. If the socket does not serve a
// policy, the containerd runs without refract: its operator decided nothing.
func nodesPolicy(ctx context.Context, cmd *cli.Command, client *containerd.Client, image string) (policy.Policy, error) {
	connection, ok := client.Conn().(grpc.ClientConnInterface)
	if !ok {
		return policy.Policy{}, fmt.Errorf("containerd's client has a %T for a connection: %w", client.Conn(), errdefs.ErrInternal)
	}
	told, err := service.NewClient(connection).Policy(ctx, image)
	if errdefs.IsNotImplemented(err) {
		_, err = fmt.Fprintf(cmd.Root().ErrWriter, "no policy is known at %s, which is neither containerd-refract's socket nor refractd's: nothing is required of %s\n",
			printable(cmd.String("address")), printable(image))
		return policy.Default(), err
	}
	if err != nil {
		return policy.Policy{}, fmt.Errorf("policy of the node: %w", err)
	}
	return told, nil
}

// unpackTarget is an image to unpack for a platform.
type unpackTarget struct {
	image    images.Image
	platform ocispec.Platform
}

// unpackTargets are the images that ctr unpacks, one for each platform. In an index that is the proven image, because
// containerd's own search of an index could find an artifact instead.
func unpackTargets(ctx context.Context, cmd *cli.Command, client *containerd.Client, image images.Image) ([]unpackTarget, error) {
	if cmd.Bool("all-platforms") {
		return unpackAll(ctx, client, image)
	}
	requested, err := platforms.ParseAll(cmd.StringSlice("platform"))
	if err != nil {
		return nil, err
	}
	if len(requested) == 0 {
		requested = append(requested, platforms.DefaultSpec())
	}
	targets := make([]unpackTarget, len(requested))
	for i, platform := range requested {
		targets[i] = unpackTarget{image, platform}
	}
	if native.MediaTypeKind(image.Target.MediaType) != native.KindIndex {
		return targets, nil
	}
	proven, err := references.Images(ctx, client.ContentStore(), image.Target, requested...)
	if err != nil {
		return nil, err
	}
	for _, one := range proven {
		targets[one.Requested].image.Target = one.Target()
	}
	for _, target := range targets {
		if target.image.Target.Digest == image.Target.Digest {
			return nil, fmt.Errorf("image %q: no image for %s in its index %s: %w", image.Name, platforms.FormatAll(target.platform),
				image.Target.Digest, errdefs.ErrNotFound)
		}
	}
	return targets, nil
}

func unpackAll(ctx context.Context, client *containerd.Client, image images.Image) ([]unpackTarget, error) {
	store := client.ContentStore()
	var targets []unpackTarget
	if native.MediaTypeKind(image.Target.MediaType) != native.KindIndex {
		declared, err := images.Platforms(ctx, store, image.Target)
		if err != nil {
			return nil, fmt.Errorf("unable to resolve image platforms: %w", err)
		}
		for _, platform := range declared {
			targets = append(targets, unpackTarget{image, platform})
		}
		return targets, nil
	}
	proven, err := references.Images(ctx, store, image.Target)
	if err != nil {
		return nil, err
	}
	for _, one := range proven {
		if one.Manifest.Platform == nil {
			continue
		}
		single := image
		single.Target = one.Target()
		targets = append(targets, unpackTarget{single, *one.Manifest.Platform})
	}
	return targets, nil
}

func unpack(ctx context.Context, cmd *cli.Command, client *containerd.Client, target unpackTarget) error {
	fmt.Printf("unpacking %s %s...\n", platforms.Format(target.platform), target.image.Target.Digest)
	image := containerd.NewImageWithPlatform(client, target.image, platforms.Only(target.platform))
	if err := image.Unpack(ctx, cmd.String("snapshotter"), containerd.WithUnpackApplyOpts(diff.WithSyncFs(cmd.Bool("sync-fs")))); err != nil {
		return err
	}
	if !cmd.Bool("print-chainid") {
		return nil
	}
	diffIDs, err := image.RootFS(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("image chain ID: %s\n", identity.ChainID(diffIDs))
	return nil
}
