// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/refract-oci/refract/tests/e2e/harness"
)

// TestMetricsAreServedWithContainerds: where containerd serves its own, there are refract's, of pulls by both ways.
func TestMetricsAreServedWithContainerds(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	daemon := ownDaemon(t, harness.Config{Sections: fmt.Sprintf("[metrics]\n  address = %q\n", address)})
	shape, refused := byName(t, "artifact-first-same-platform"), byName(t, "refused-only-artifacts")
	for _, way := range []string{"transfer", "cri"} {
		if err := pull(t.Context(), daemon, way, shared.tag(shape)); err != nil {
			t.Fatal(err)
		}
		if err := pull(t.Context(), daemon, way, shared.tag(refused)); err == nil {
			t.Fatalf("%s pulled an image that is none", way)
		}
	}
	answer, err := http.Get("http://" + address + "/v1/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`refract_pulls_total{result="success"} 2`, `refract_pulls_total{result="not_found"} 2`, `refract_pulls_total{result="failure"} 0`,
		"refract_selection_duration_seconds_count 2", "refract_resolve_duration_seconds_count 2", "refract_references_seen_total 2",
		fmt.Sprintf("refract_bytes_avoided_total %d", 2*len(shape.Blobs[shape.References[0]])), "containerd_build_info_total{",
	} {
		if !strings.Contains("\n"+string(text), "\n"+line) {
			t.Errorf("%q is not there; of refract there is\n%s", line, grep(string(text), "refract_"))
		}
	}
}

// grep gives the lines that begin so.
func grep(text, begin string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, begin) && !strings.Contains(line, "_bucket") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}
