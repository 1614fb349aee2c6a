// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Command mirrors measures what looking for references costs a pull from a mirror whose upstream never answers: containerd-refract
// that looks everywhere, and stock containerd, which looks nowhere, in turn, through CRI. What refract may take longer is its deadline.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// deadline is that of the policy: shorter than the default, so that the comparison is.
const deadline = 6 * time.Second

const name = "registry.example/app:v1"

func main() {
	runs := flag.Int("runs", 3, "how often each pull is measured; the median is shown")
	flag.Parse()
	if err := run(context.Background(), *runs); err != nil {
		fmt.Fprintln(os.Stderr, "mirrors:", err)
		os.Exit(1)
	}
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
	// Nobody takes what the kernel has accepted.
	upstream, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer upstream.Close()
	mirror, err := registry.Listen()
	if err != nil {
		return err
	}
	defer mirror.Close()
	mirror.Add("app", shapes.ByName("images-first"), "v1")
	policy := fmt.Sprintf("discover = [\"digest-tag\", \"referrers\", \"cosign\"]\ndeadline = %q\n", deadline)
	hosts := fmt.Sprintf("server = %q\n[host.%q]\n", "http://"+upstream.Addr().String(), "http://"+mirror.Host())
	var both [2]*harness.Daemon
	for i, start := range []func(harness.Tools, string, harness.Config) (*harness.Daemon, error){harness.StartRefract, harness.StartStock} {
		own := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(own, 0o700); err != nil {
			return err
		}
		started, err := start(tools, own, harness.Config{Policy: policy})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, started.Close()) }()
		if err := started.Hosts("registry.example", hosts); err != nil {
			return err
		}
		both[i] = started
	}
	fmt.Printf("\npulls through CRI from a mirror whose upstream is silent, medians of %d (goal: looking everywhere costs at most the deadline, %s)\n",
		runs, deadline)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "asked for references, the mirror\trefract\tstock\tlonger\t")
	for _, fails := range []bool{false, true} {
		mirror.Inject(func(w http.ResponseWriter, r *http.Request, target registry.Target) bool {
			optional := target.Kind == "referrers" || strings.HasPrefix(target.Reference, "sha256-")
			return fails && optional && registry.Status(http.StatusBadGateway)(w, r, target)
		})
		times, err := measure(ctx, both, runs)
		if err != nil {
			return err
		}
		answers := map[bool]string{false: "has none", true: "fails"}[fails]
		fmt.Fprintf(table, "%s\t%v\t%v\t%v\t\n", answers, times[0], times[1], times[0]-times[1])
	}
	return table.Flush()
}

// measure gives the medians of both.
func measure(ctx context.Context, both [2]*harness.Daemon, runs int) (medians [2]time.Duration, err error) {
	var times [2][]time.Duration
	for range runs {
		for i, one := range both {
			begin := time.Now()
			if _, err := one.CRIPull(ctx, name); err != nil {
				return medians, err
			}
			times[i] = append(times[i], time.Since(begin))
			if err := errors.Join(one.CRIRemove(ctx, name), one.Collect(ctx, "k8s.io")); err != nil {
				return medians, err
			}
		}
	}
	for i := range times {
		slices.Sort(times[i])
		medians[i] = times[i][len(times[i])/2].Round(time.Millisecond)
	}
	return medians, nil
}
