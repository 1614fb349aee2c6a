// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// containerd-refract is containerd with refract in its transfer service: it pulls images from extended indexes.
package main

import (
	"context"
	"fmt"
	"os"

	_ "github.com/containerd/containerd/v2/cmd/containerd/builtins"
	"github.com/containerd/containerd/v2/cmd/containerd/command"
	"github.com/containerd/containerd/v2/version"
	"github.com/urfave/cli/v3"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/register"
)

func main() {
	if err := register.Decorate(); err != nil {
		fail(err)
	}
	cli.VersionPrinter = func(cmd *cli.Command) {
		fmt.Fprintf(cmd.Root().Writer, "%s %s %s %s\nrefract %s (library %s, simdjson kernel %s)\n",
			cmd.Name, version.Package, cmd.Version, version.Revision, native.Version(), native.Library(), native.SIMDKernel())
	}
	if err := command.App().Run(context.Background(), os.Args); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintf(os.Stderr, "containerd-refract: %s\n", err)
	os.Exit(1)
}
