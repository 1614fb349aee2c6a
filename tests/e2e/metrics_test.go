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

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/programs"
)

// TestMetricsAreServedWithContainerds: where containerd serves its own, there are refract's, of pulls by both ways.
func TestMetricsAreServedWithContainerds(t *testing.T) {
	address := freeAddress(t)
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
	_, text := get(t, "http://"+address+"/v1/metrics")
	for _, line := range []string{
		`refract_pulls_total{result="success"} 2`, `refract_pulls_total{result="not_found"} 2`, `refract_pulls_total{result="failure"} 0`,
		"refract_selection_duration_seconds_count 2", "refract_resolve_duration_seconds_count 2", "refract_references_seen_total 2",
		fmt.Sprintf("refract_bytes_avoided_total %d", 2*len(shape.Blobs[shape.References[0]])), "containerd_build_info_total{",
	} {
		if !strings.Contains("\n"+text, "\n"+line) {
			t.Errorf("%q is not there; of refract there is\n%s", line, grep(text, "refract_"))
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

// TestRefractdTellsHowItDoes: its own metrics and health where they are configured, and nothing on TCP where they are not; it is
// healthy while containerd is there.
func TestRefractdTellsHowItDoes(t *testing.T) {
	address := freeAddress(t)
	daemon := start(t, harness.StartBehindRefractd, harness.Config{Refractd: fmt.Sprintf("metrics_address = %q\n", address)})
	shape := byName(t, "artifact-first-same-platform")
	if _, err := daemon.CRIPull(t.Context(), shared.tag(shape)); err != nil {
		t.Fatal(err)
	}
	code, text := get(t, "http://"+address+"/metrics")
	for _, line := range []string{`refract_pulls_total{result="success"} 1`, "refract_references_seen_total 1"} {
		if code != http.StatusOK || !strings.Contains("\n"+text, "\n"+line) {
			t.Errorf("status %d, %q is not there; of refract there is\n%s", code, line, grep(text, "refract_"))
		}
	}
	// What an operator is to look at is an error; a pull that went well has none.
	if log, err := daemon.Front.Log(); err != nil || !strings.Contains(log, "level=info") || strings.Contains(log, "level=error") {
		t.Errorf("the log: %v\n%s", err, log)
	}
	serving := healthv1.HealthCheckResponse_SERVING
	health := func(want healthv1.HealthCheckResponse_ServingStatus, code int) error {
		got, text := get(t, "http://"+address+"/healthz")
		over, err := daemon.Front.Health.Check(t.Context(), &healthv1.HealthCheckRequest{})
		if got != code || err != nil || over.Status != want {
			return fmt.Errorf("health is %d %q and %s, %w, want %d and %s", got, text, over.GetStatus(), err, code, want)
		}
		return nil
	}
	if err := health(serving, http.StatusOK); err != nil {
		t.Error(err)
	}
	if err := daemon.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := programs.Poll(eventLimit, func() error { return health(healthv1.HealthCheckResponse_NOT_SERVING, http.StatusServiceUnavailable) }); err != nil {
		t.Error(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	if err := programs.Poll(eventLimit, func() error { return health(serving, http.StatusOK) }); err != nil {
		t.Error(err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer free.Close()
	return free.Addr().String()
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}
