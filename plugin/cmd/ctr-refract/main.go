// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// ctr-refract is containerd's ctr with commands for what is attached to images, and with a local pull that understands extended
// indexes.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/containerd/containerd/v2/cmd/ctr/app"
	"github.com/containerd/containerd/v2/version"
	"github.com/urfave/cli/v3"

	"github.com/refract-oci/refract/plugin/cmd/ctr-refract/command"
	"github.com/refract-oci/refract/plugin/native"
)

func main() {
	if err := run(context.Background(), os.Args); err != nil {
		fmt.Fprintf(os.Stderr, "ctr-refract: %s\n", command.ErrorText(err))
		os.Exit(command.ExitCode(err))
	}
}

func run(ctx context.Context, args []string) error {
	if err := native.CheckABI(); err != nil {
		return err
	}
	ctr := app.New()
	ctr.Name = "ctr-refract"
	if err := command.Extend(ctr); err != nil {
		return err
	}
	cli.VersionPrinter = func(cmd *cli.Command) {
		fmt.Fprintf(cmd.Root().Writer, "%s %s %s\nrefract %s\n", cmd.Name, version.Package, cmd.Version, native.Version())
	}
	return ctr.Run(ctx, args)
}
