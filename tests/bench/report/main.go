// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Command report prints the comparison that `make bench` shows: medians of eleven runs, refract's and containerd's in turn, so
// that a busy machine slows both.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/tests/bench"
)

// goals are those of the project, for reading, checking and selecting without SHA-256.
var goals = map[string]struct {
	time  time.Duration
	ratio float64
}{
	"A": {4 * time.Microsecond, 20},
	"B": {2500 * time.Microsecond, 25},
}

func main() {
	testing.Init()
	runs := flag.Int("runs", 11, "how often each case is measured; the median is shown")
	brief := flag.Bool("brief", false, "print only what a reused walk takes without SHA-256, a line an index")
	flag.Parse()
	if err := flag.Set("test.benchtime", "100ms"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if *brief {
		for _, index := range []bench.Index{bench.SmallIndex(), bench.LargeIndex()} {
			results := measure(index, []bench.Case{bench.Select, bench.Digest}, *runs)
			own := results[bench.Select.Name].median() - results[bench.Digest.Name].median()
			fmt.Printf("simdjson kernel %-8s  index %s: %v\n", native.SIMDKernel(), index.Name, own)
		}
		return
	}
	fmt.Printf("refract %s, simdjson kernel %s, medians of %d\n", native.Version(), native.SIMDKernel(), *runs)
	large := bench.LargeIndex()
	// Before anything else has made this process grow.
	growth, err := bench.MemoryGrowth(large)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, index := range []bench.Index{bench.SmallIndex(), large} {
		report(index, *runs)
	}
	fmt.Printf("memory of a walk over B: %.1f MB, %.1f times the document (goal: at most 4)\n", float64(growth)/1e6,
		float64(growth)/float64(len(large.Root.Bytes)))
}

// measured are the runs of one case on one index.
type measured struct {
	nanoseconds []int64
	allocs      int64
	bytes       int64
}

func (m measured) median() time.Duration {
	slices.Sort(m.nanoseconds)
	return time.Duration(m.nanoseconds[len(m.nanoseconds)/2])
}

// measure runs the cases in turn.
func measure(index bench.Index, cases []bench.Case, runs int) map[string]*measured {
	results := make(map[string]*measured, len(cases))
	for range runs {
		for _, one := range cases {
			result := testing.Benchmark(func(b *testing.B) { one.Run(b, index) })
			if result.N == 0 {
				fmt.Fprintf(os.Stderr, "%s on %s failed\n", one.Name, index.Name)
				os.Exit(1)
			}
			if results[one.Name] == nil {
				results[one.Name] = &measured{allocs: result.AllocsPerOp(), bytes: result.AllocedBytesPerOp()}
			}
			results[one.Name].nanoseconds = append(results[one.Name].nanoseconds, result.NsPerOp())
		}
	}
	return results
}

func report(index bench.Index, runs int) {
	cases := bench.Cases()
	results := measure(index, cases, runs)
	fmt.Printf("\nindex %s\n", index)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "case\ttime\tGo allocations\tGo bytes\t")
	for _, one := range cases {
		result := results[one.Name]
		fmt.Fprintf(table, "%s\t%v\t%d\t%d\t\n", one.Name, result.median(), result.allocs, result.bytes)
	}
	if err := table.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}

	hashed, peer := results[bench.Digest.Name].median(), results[bench.Containerd.Name].median()
	goal := goals[index.Name]
	for _, one := range []bench.Case{bench.Select, bench.Fresh, bench.References} {
		own := results[one.Name].median() - hashed
		fmt.Printf("%s, without SHA-256: %v, %.1f times faster than containerd's handlers\n", one.Name, own, float64(peer)/float64(own))
	}
	fmt.Printf("goal for a reused walk: at most %v and at least %.0f times faster\n", goal.time, goal.ratio)
}
