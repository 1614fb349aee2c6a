// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// refractd is a proxy in front of a plain containerd on a Kubernetes node. It pulls images from extended indexes itself and
// forwards everything else.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v3"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/refractd"
	"github.com/refract-oci/refract/plugin/refractd/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := command().Run(ctx, os.Args); err != nil {
		fmt.Fprintf(os.Stderr, "refractd: %s\n", err)
		os.Exit(1)
	}
}

func command() *cli.Command {
	cli.VersionPrinter = func(cmd *cli.Command) {
		fmt.Fprintf(cmd.Root().Writer, "refractd %s (library %s, simdjson kernel %s)\n", native.Version(), native.Library(), native.SIMDKernel())
	}
	return &cli.Command{
		Name:    "refractd",
		Usage:   "Kubernetes image service in front of a plain containerd: pulls images from extended indexes",
		Version: native.Version(),
		Flags:   config.Flags(),
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if cmd.Args().Present() {
				return fmt.Errorf("refractd takes no argument %q (try refractd --help)", cmd.Args().First())
			}
			read, err := config.FromCommand(cmd)
			if err != nil {
				return err
			}
			return refractd.Run(ctx, read)
		},
		Commands: []*cli.Command{{
			Name:  "config",
			Usage: "print the configuration as it is used",
			Action: func(_ context.Context, cmd *cli.Command) error {
				read, err := config.FromCommand(cmd.Root())
				if err != nil {
					return err
				}
				text, err := read.Text()
				if err != nil {
					return err
				}
				_, err = fmt.Fprint(cmd.Root().Writer, text)
				return err
			},
		}},
	}
}
