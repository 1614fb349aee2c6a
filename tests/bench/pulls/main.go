// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Command pulls measures whole pulls through CRI, refract's and stock containerd's in turn, on the same bytes from one registry. With
// -before it measures the programs of another build, too. Compare the ratios: the times are this machine's.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
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
	before := flag.String("before", "", "a folder with another build's containerd-refract, to compare with")
	plain := flag.Bool("ordinary", false, "measure only images that nothing is attached to")
	flag.Parse()
	if err := run(context.Background(), *runs, *before, *plain); err != nil {
		fmt.Fprintln(os.Stderr, "pulls:", err)
		os.Exit(1)
	}
}

// daemon is one of those that are compared.
type daemon struct {
	*harness.Daemon
	name   string
	times  []time.Duration
	counts registry.Counts
}

func (d *daemon) median() time.Duration {
	slices.Sort(d.times)
	return d.times[len(d.times)/2]
}

// starts says how each daemon is started.
func starts(before string) map[string]func(harness.Tools, string, harness.Config) (*harness.Daemon, error) {
	all := map[string]func(harness.Tools, string, harness.Config) (*harness.Daemon, error){
		"refract": harness.StartRefract, "stock": harness.StartStock,
	}
	if before != "" {
		all["before"] = func(tools harness.Tools, dir string, config harness.Config) (*harness.Daemon, error) {
			tools.Refract = filepath.Join(before, "containerd-refract")
			return harness.StartRefract(tools, dir, config)
		}
	}
	return all
}

func run(ctx context.Context, runs int, before string, plain bool) (err error) {
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
	all := starts(before)
	var daemons []*daemon
	for _, name := range slices.Sorted(maps.Keys(all)) {
		own := filepath.Join(dir, name)
		if err := os.Mkdir(own, 0o700); err != nil {
			return err
		}
		started, err := all[name](tools, own, harness.Config{})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, started.Close()) }()
		daemons = append(daemons, &daemon{Daemon: started, name: name})
	}
	ordinary, single := shapes.ByName("multi-platform"), shapes.ByName("single-manifest")
	ordinary.Name, single.Name = "ordinary-multi-platform", "ordinary-single-manifest"
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(os.Stdout, "\npulls through CRI, medians of %d\n", runs)
	fmt.Fprintln(table, "image\tprogram\ttime\trequests\tbytes\ttimes stock's\t")
	measured := []shapes.Shape{single, ordinary}
	if !plain {
		measured = append(measured, shapes.BehindArtifacts(0), shapes.BehindArtifacts(20), shapes.BehindArtifacts(200), shapes.BehindArtifacts(2000))
	}
	for _, shape := range measured {
		server.Add(shape.Name, shape, "latest")
		// Stock takes a minute for the largest.
		times := runs
		if len(shape.Blobs) > 5000 {
			times = 1
		}
		if err := measure(ctx, server, shape, daemons, times); err != nil {
			return fmt.Errorf("%s: %w", shape.Name, err)
		}
		stock := daemons[len(daemons)-1].median()
		for _, one := range daemons {
			fmt.Fprintf(table, "%s\t%s\t%v\t%d\t%d\t%.2f\t\n", shape.Name, one.name, one.median().Round(100*time.Microsecond),
				one.counts.Requests, one.counts.Bytes, float64(one.median())/float64(stock))
		}
	}
	return table.Flush()
}

func measure(ctx context.Context, server *registry.Server, shape shapes.Shape, daemons []*daemon, runs int) error {
	name := server.Host() + "/" + shape.Name + ":latest"
	for _, one := range daemons {
		one.times = nil
	}
	for range runs {
		for _, one := range daemons {
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
