// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package kubelet

import (
	"fmt"
	"os"
	"strings"
)

// outcomes are what came of each shape on each kind of node in each way to use it, for the closing lines.
type outcomes map[string]map[string]map[string]error

var summary = outcomes{}

func (o outcomes) note(way, use, shape string, failure error) {
	if o[way] == nil {
		o[way] = map[string]map[string]error{}
	}
	if o[way][use] == nil {
		o[way][use] = map[string]error{}
	}
	o[way][use][shape] = failure
}

func (o outcomes) failure(way, use, shape string) error { return o[way][use][shape] }

// printSummary prints how many pods ran on each kind of node, and leaves it in the file that REFRACT_SUMMARY names, because go test
// shows nothing of what passes.
func printSummary() error {
	var text strings.Builder
	for _, way := range append(ours, stock) {
		if summary[way.name] == nil {
			continue
		}
		fmt.Fprintf(&text, "kubelet with %s:", way.name)
		for _, use := range uses {
			right := 0
			for _, failure := range summary[way.name][use.name] {
				if failure == nil {
					right++
				}
			}
			fmt.Fprintf(&text, " %s %d of %d;", use.name, right, len(summary[way.name][use.name]))
		}
		fmt.Fprintln(&text)
	}
	fmt.Print(text.String())
	if file := os.Getenv("REFRACT_SUMMARY"); file != "" && text.Len() > 0 {
		return os.WriteFile(file, []byte(text.String()), 0o600)
	}
	return nil
}
