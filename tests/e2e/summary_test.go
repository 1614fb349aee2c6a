// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
)

// outcomes are what came of each shape in each way, for the closing table.
type outcomes struct {
	mu    sync.Mutex
	cells map[string]map[string]string // by shape, by column; empty: right
}

var summary = outcomes{cells: map[string]map[string]string{}}

var ways = []string{"transfer", "local", "cri"}

// columns are the ways by both names of an image.
func columns(prefix string) []string {
	var all []string
	for _, way := range ways {
		for _, by := range []string{"tag", "digest"} {
			all = append(all, prefix+" "+way+" "+by)
		}
	}
	return all
}

// note takes down what failed; nothing if it was right.
func (o *outcomes) note(shape, column, failure string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.cells[shape] == nil {
		o.cells[shape] = map[string]string{}
	}
	o.cells[shape][column] = failure
}

// failed are the shapes in a column that were not right, each with what failed first.
func (o *outcomes) failed(column string) map[string]string {
	o.mu.Lock()
	defer o.mu.Unlock()
	failed := map[string]string{}
	for shape, row := range o.cells {
		if failure := row[column]; failure != "" {
			failed[shape] = failure
		}
	}
	return failed
}

// count is how many of a column's outcomes were right.
func (o *outcomes) count(columns ...string) (right, all int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, row := range o.cells {
		for _, column := range columns {
			failure, done := row[column]
			if done {
				all++
			}
			if done && failure == "" {
				right++
			}
		}
	}
	return right, all
}

// printSummary prints what stock containerd makes of the shapes beside what containerd-refract makes of them, and leaves it in
// the file that REFRACT_SUMMARY names, because go test shows nothing of what passes.
func printSummary() error {
	if len(summary.cells) == 0 {
		return nil
	}
	text := summary.table()
	fmt.Print(text)
	if file := os.Getenv("REFRACT_SUMMARY"); file != "" {
		return os.WriteFile(file, []byte(text), 0o644)
	}
	return nil
}

// gaps follow the marks of the three ways by both names.
var gaps = [...]string{" ", "      ", " ", "   ", " ", "     "}

func (o *outcomes) table() string {
	var out strings.Builder
	const line = "%-44s%s\n"
	fmt.Fprintf(&out, line, "", "refract                stock                  stock behind refractd")
	fmt.Fprintf(&out, line, "", strings.Repeat("transfer local cri     ", 2)+"cri")
	fmt.Fprintf(&out, line, "shape", strings.Repeat("t d      t d   t d     ", 2)+"t d")
	// Behind refractd, nothing but CRI is changed.
	behind := columns("refractd")[2*slices.Index(ways, "cri"):]
	all := slices.Concat(columns("refract"), columns("stock"), behind)
	for _, name := range slices.Sorted(maps.Keys(o.cells)) {
		var marks strings.Builder
		for i, column := range all {
			marks.WriteString(mark(name, column) + gaps[i%len(gaps)])
		}
		fmt.Fprintf(&out, line, name, strings.TrimRight(marks.String(), " "))
	}
	fmt.Fprintln(&out, "t by tag   d by digest   + right   p the pull failed   r running failed   o another program ran   n it was not refused   . not tried")
	for _, prefix := range []string{"refract", "stock"} {
		for i, way := range ways {
			right, of := o.count(columns(prefix)[2*i : 2*i+2]...)
			fmt.Fprintf(&out, "%s, %s: %d of %d right\n", prefix, way, right, of)
		}
	}
	right, of := o.count(behind...)
	fmt.Fprintf(&out, "stock behind refractd, cri: %d of %d right\n", right, of)
	return out.String()
}

func mark(shape, column string) string {
	failure, done := summary.cells[shape][column]
	switch {
	case !done:
		return "."
	case failure == "":
		return "+"
	case strings.HasPrefix(failure, "pulled"):
		return "n"
	case strings.HasPrefix(failure, "pull"):
		return "p"
	case strings.HasPrefix(failure, "other"):
		return "o"
	default:
		return "r"
	}
}
