// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/containerd/containerd/v2/cmd/ctr/commands"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/pkg/httpdbg"
	"github.com/containerd/containerd/v2/pkg/progress"
	"github.com/containerd/containerd/v2/pkg/reference"
	"github.com/containerd/log"
	"github.com/urfave/cli/v3"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/references"
)

func fetchCommand(connect Connect) *cli.Command {
	return &cli.Command{
		Name:      "fetch",
		Usage:     "Download what is attached to an image",
		ArgsUsage: "<image> [<digest>]",
		Description: `Downloads attached artifacts whole from the image's registry into the node's store: the one that is named, those of a
type, or all of them. They stay as long as the image's record does. What the node has is not downloaded again.`,
		Flags: append([]cli.Flag{
			typeFlag(),
			&cli.Int64Flag{Name: "max-bytes", Usage: "the most that one artifact with all its content may take; 0 for no limit",
				Value: policy.Default().MaxBytes},
			&cli.Int64Flag{Name: "max-bytes-total", Usage: "the most that all of them may take together; 0 for no limit",
				Value: policy.Default().MaxBytesTotal},
		}, discoverFlags()...),
		Action: func(ctx context.Context, cmd *cli.Command) error {
			name, further, err := arguments(cmd, 2)
			if err != nil {
				return err
			}
			asked, err := query(cmd, further)
			if err != nil {
				return err
			}
			for _, limit := range []string{"max-bytes", "max-bytes-total"} {
				if cmd.Int64(limit) < 0 {
					return misused(cmd, "--%s is negative", limit)
				}
			}
			node, ctx, cancel, err := connect(ctx, cmd)
			if err != nil {
				return err
			}
			defer cancel()
			listing, err := list(ctx, cmd, node, name)
			if err != nil {
				return err
			}
			wanted, err := find(listing, asked, byFlag)
			if err != nil {
				return err
			}
			return fetch(ctx, cmd, node, listing, wanted)
		},
	}
}

func fetch(ctx context.Context, cmd *cli.Command, node *Node, listing *references.Listing, wanted []references.Reference) (err error) {
	fetcher, err := fetcherFor(ctx, cmd, listing.Image)
	if err != nil {
		return err
	}
	if cmd.Bool("http-trace") {
		ctx = httpdbg.WithClientTrace(ctx)
	}
	leased, release, err := node.Lease(ctx)
	if err != nil {
		return err
	}
	defer func() {
		// This also runs when the command was interrupted. The lease would expire by itself, but keep the fetched content until
		// then.
		if released := release(context.WithoutCancel(ctx)); released != nil {
			log.G(ctx).WithError(released).Warn("could not release the lease")
		}
	}()
	outcomes, err := listing.Fetch(leased, node.Content, node.Images, fetcher, wanted,
		references.Limits{Each: cmd.Int64("max-bytes"), Together: cmd.Int64("max-bytes-total")})
	if err != nil {
		return err
	}
	failed := 0
	for _, one := range outcomes {
		if one.Err != nil {
			failed++
			fmt.Fprintln(cmd.Root().ErrWriter, ErrorText(fmt.Errorf("%s %s was not fetched: %w",
				typeOrArtifact(one.Reference), one.Reference.Descriptor.Digest, one.Err)))
			continue
		}
		if err := reportFetched(leased, cmd, node, one); err != nil {
			return err
		}
	}
	if inline := len(references.Distinct(wanted)) - len(outcomes); inline > 0 {
		fmt.Fprintf(cmd.Root().Writer, "%d kept in annotations of the index, nothing to fetch\n", inline)
	}
	if failed > 0 {
		return fmt.Errorf("image %q: %d of %d references were not fetched", listing.Image, failed, len(outcomes))
	}
	return nil
}

func reportFetched(ctx context.Context, cmd *cli.Command, node *Node, one references.Fetched) error {
	var bytes int64
	for _, part := range one.Content {
		info, err := node.Content.Info(ctx, part)
		if err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
		bytes += info.Size
	}
	_, err := fmt.Fprintf(cmd.Root().Writer, "%s %s %s, %d blobs, %v\n",
		pick(one.Reference.Present == native.Yes, "kept   ", "fetched"), one.Reference.Descriptor.Digest,
		typeOrArtifact(one.Reference), len(one.Content), progress.Bytes(bytes))
	return err
}

// fetcherFor returns a fetcher for the registry in an image's name. All content is fetched by digest, so the tag is not
// resolved again.
func fetcherFor(ctx context.Context, cmd *cli.Command, image string) (remotes.Fetcher, error) {
	resolver, err := resolverFor(ctx, cmd, image)
	if err != nil {
		return nil, err
	}
	return resolver.Fetcher(ctx, image)
}

// resolverFor returns a resolver for the registry in an image's name, with the hosts and credentials of the command line.
func resolverFor(ctx context.Context, cmd *cli.Command, image string) (remotes.Resolver, error) {
	parsed, err := reference.Parse(image)
	// A name without a path has no repository. CRI also names images by their IDs, which look like a host with a port.
	if err != nil || !strings.Contains(image, "/") || !strings.ContainsAny(parsed.Hostname(), ".:") && parsed.Hostname() != "localhost" {
		return nil, fmt.Errorf("image %q: this name does not say which registry it is from, use the name that it was pulled by (ctr-refract images ls -q)", image)
	}
	return commands.GetResolver(ctx, cmd)
}
