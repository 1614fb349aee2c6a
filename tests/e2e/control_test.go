// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/refract-oci/refract/tests/shapes"
)

// hopeless is what stock containerd would not come back from: it visits a document as often as it is listed, and these
// seven list each other 64 times.
const hopeless = "refused-index-bomb"

// stockFails are shapes that a plain containerd gets wrong by transfer, and how the outcome begins: what the design of
// refract rests on. What begins with "pulled" was said to be a success.
var stockFails = map[string]string{
	"artifact-first-same-platform":          "run: ",
	"unmarked-artifact-first-same-platform": "run: ",
	"soci-v2":                               "run: ",
	"artifact-with-image-layers":            "pull: ",
	"artifacts-before-nested":               "run: ",
	"nested-first-then-match":               "other program ran",
	"refused-nothing-matches":               "pulled",
}

// TestStockControl does the same with stock containerd. Most of what comes of it is only printed, for it is not ours to
// demand; but what refract was made for must show.
func TestStockControl(t *testing.T) {
	daemon := stockDaemon(t)
	runnable, refused := shared.runnable()
	each := func(list []shapes.Shape, do func(t *testing.T, way, name string, shape shapes.Shape) string) {
		for _, shape := range list {
			if shape.Name == hopeless {
				continue
			}
			t.Run(shape.Name, func(t *testing.T) {
				for by, name := range shared.names(shape) {
					for _, way := range ways {
						summary.note(shape.Name, "stock "+way+" "+by, do(t, way, name, shape))
					}
				}
			})
		}
	}
	each(runnable, func(t *testing.T, way, name string, shape shapes.Shape) string {
		return words(pullAndRun(t.Context(), &shared.stock, way, name, shape))
	})
	each(refused, func(t *testing.T, way, name string, _ shapes.Shape) string {
		if err := pull(t.Context(), daemon, way, name); err != nil {
			return "" // for whatever reason
		}
		_ = remove(t.Context(), daemon, way, name) // what it pulled may be in no state to be removed
		return "pulled, though it must be refused"
	})
	if err := daemon.Running(); err != nil {
		t.Error(err)
	}
	failed := summary.failed("stock transfer tag")
	for _, shape := range slices.Sorted(maps.Keys(stockFails)) {
		if how, known := failed[shape]; !known || !strings.HasPrefix(how, stockFails[shape]) {
			t.Errorf("stock containerd on %s: want a failure that begins with %q, got %q", shape, stockFails[shape], how)
		}
	}
	for _, shape := range slices.Sorted(maps.Keys(failed)) {
		t.Logf("stock, transfer, tag: %s: %s", shape, failed[shape])
	}
}
