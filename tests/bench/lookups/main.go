// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Command lookups measures how long it takes to come from a tag to the config of an image: refract's command, crane and regctl in
// turn, each started as a program, at one registry behind TLS and a relay that makes every round trip longer; and a second look-up by
// a program that links refract's library. Compare the ratios: the times are this machine's.
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

	"github.com/refract-oci/refract/tests/registries"
	"github.com/refract-oci/refract/tests/shapes"
)

// How refract's time may be to that of the faster peer: of the command, and of the library's second look-up.
const (
	goal       = 1.0
	secondGoal = 0.65
)

func main() {
	runs := flag.Int("runs", 11, "how often each look-up is measured; the median is shown")
	flag.Parse()
	if err := run(context.Background(), *runs); err != nil {
		fmt.Fprintln(os.Stderr, "lookups:", err)
		os.Exit(1)
	}
}

// measured is one program at one registry.
type measured struct {
	registries.Lookup
	times  []time.Duration
	counts registries.Counts
}

func (m *measured) median() time.Duration {
	slices.Sort(m.times)
	return m.times[len(m.times)/2]
}

func run(ctx context.Context, runs int) (err error) {
	lookups, err := registries.Lookups()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "refract-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if lookups, err = withSecond(lookups, dir); err != nil {
		return err
	}
	fmt.Printf("\ntag to config over TLS, each program started anew, medians of %d (goals: refract at most %.1f times the faster peer, "+
		"the second look-up in one process %.2f times)\n", runs, goal, secondGoal)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "login\tround trip\t")
	for _, lookup := range lookups {
		fmt.Fprintf(table, "%s\trequests\tconnections\t", lookup.Name)
	}
	fmt.Fprintln(table, "refract of the faster peer\tsecond of it\t")
	for _, login := range []registries.Login{registries.Anonymous, registries.Bearer} {
		for _, roundTrip := range []time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond} {
			own := filepath.Join(dir, fmt.Sprintf("%s-%s", login, roundTrip))
			if err := os.Mkdir(own, 0o700); err != nil {
				return err
			}
			options := registries.Options{Kind: registries.Distribution, Login: login, RoundTrip: roundTrip}
			all, err := measure(ctx, own, options, lookups, runs)
			if err != nil {
				return fmt.Errorf("login %q, %s a round trip: %w", login, roundTrip, err)
			}
			row(table, options, all)
		}
	}
	return table.Flush()
}

func row(table *tabwriter.Writer, options registries.Options, all []measured) {
	login := options.Login
	if login == registries.Anonymous {
		login = "none"
	}
	fmt.Fprintf(table, "%s\t%v\t", login, options.RoundTrip)
	for i := range all {
		one := &all[i]
		fmt.Fprintf(table, "%v\t%d\t%d\t", one.median().Round(100*time.Microsecond), one.counts.Total(), one.counts.Connections+one.counts.TokenConnections)
	}
	faster := float64(min(all[1].median(), all[2].median()))
	fmt.Fprintf(table, "%.2f\t%.2f\t\n", float64(all[0].median())/faster, float64(all[3].median())/faster)
}

// measure runs the programs in turn at a registry of their own.
func measure(ctx context.Context, dir string, options registries.Options, lookups []registries.Lookup, runs int) (all []measured, err error) {
	server, err := registries.Start(dir, options)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	shape := shapes.ByName("images-first")
	if err := server.Push(ctx, "app", shape, "v1"); err != nil {
		return nil, err
	}
	platform := shape.Expect.Selections[0].Platform
	for _, lookup := range lookups {
		one := measured{Lookup: lookup}
		// Once before, for what is read for the first time, and to count.
		if _, err := lookup.Run(ctx, server, platform, "app:v1"); err != nil {
			return nil, err
		}
		if one.counts, err = server.Counts(); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	for range runs {
		for i := range all {
			begin := time.Now()
			output, err := all[i].Run(ctx, server, platform, "app:v1")
			took := time.Since(begin)
			if err == nil && all[i].Name == second {
				took, err = secondTime(output)
			}
			if err != nil {
				return nil, err
			}
			all[i].times = append(all[i].times, took)
		}
	}
	return all, nil
}
