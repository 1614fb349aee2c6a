// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Command pulls measures whole pulls through CRI, refract's and stock containerd's in turn, on the same bytes from one registry.
// Compare the ratios: the times are this machine's.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

func main() {
	runs := flag.Int("runs", 5, "how often each pull is measured; the median is shown")
	flag.Parse()
	if err := run(context.Background(), *runs); err != nil {
		fmt.Fprintln(os.Stderr, "pulls:", err)
		os.Exit(1)
	}
}

// daemon is one of the two that are compared.
type daemon struct {
	*harness.Daemon
	times  []time.Duration
	counts registry.Counts
}

func (d *daemon) median() time.Duration {
	slices.Sort(d.times)
	return d.times[len(d.times)/2]
}

func run(ctx context.Context, runs int) (err error) {
	tools, err := harness.FindTools()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "refract-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, err := registry.Listen()
	if err != nil {
		return err
	}
	defer server.Close()
	var both [2]daemon
	for i, start := range []func(harness.Tools, string, harness.Config) (*harness.Daemon, error){harness.StartRefract, harness.StartStock} {
		own := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(own, 0o700); err != nil {
			return err
		}
		started, err := start(tools, own, harness.Config{})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, started.Close()) }()
		both[i].Daemon = started
	}
	ordinary := shapes.ByName("multi-platform")
	ordinary.Name = "ordinary-multi-platform"
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(os.Stdout, "\npulls through CRI, medians of %d\n", runs)
	fmt.Fprintln(table, "image\trefract\trequests\tbytes\tstock\trequests\tbytes\ttimes faster\t")
	for _, shape := range []shapes.Shape{
		ordinary, shapes.BehindArtifacts(0), shapes.BehindArtifacts(20), shapes.BehindArtifacts(200), shapes.BehindArtifacts(2000),
	} {
		server.Add(shape.Name, shape, "latest")
		// Stock takes a minute for the largest.
		times := runs
		if len(shape.Blobs) > 5000 {
			times = 1
		}
		if err := measure(ctx, server, shape, &both, times); err != nil {
			return fmt.Errorf("%s: %w", shape.Name, err)
		}
		ours, stock := &both[0], &both[1]
		fmt.Fprintf(table, "%s\t%v\t%d\t%d\t%v\t%d\t%d\t%.1f\t\n", shape.Name, ours.median().Round(time.Millisecond), ours.counts.Requests, ours.counts.Bytes,
			stock.median().Round(time.Millisecond), stock.counts.Requests, stock.counts.Bytes, float64(stock.median())/float64(ours.median()))
	}
	return table.Flush()
}

func measure(ctx context.Context, server *registry.Server, shape shapes.Shape, both *[2]daemon, runs int) error {
	name := server.Host() + "/" + shape.Name + ":latest"
	for i := range both {
		both[i].times = nil
	}
	for range runs {
		for i := range both {
			one := &both[i]
			server.Reset()
			begin := time.Now()
			if _, err := one.CRIPull(ctx, name); err != nil {
				return err
			}
			one.times = append(one.times, time.Since(begin))
			one.counts = server.Counts()
			if err := one.CRIRemove(ctx, name); err != nil {
				return err
			}
			if err := one.Collect(ctx, "k8s.io"); err != nil {
				return err
			}
		}
	}
	return nil
}
