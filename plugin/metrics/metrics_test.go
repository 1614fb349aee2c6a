// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/refract-oci/refract/plugin/metrics"
)

func register(t *testing.T) (*prometheus.Registry, *metrics.Metrics) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	made, err := metrics.Register(registry)
	if err != nil {
		t.Fatal(err)
	}
	return registry, made
}

func TestPullsAreCounted(t *testing.T) {
	registry, counted := register(t)
	counted.Count(metrics.Pull{Result: metrics.Success, Selected: true, Selection: 30 * time.Microsecond, Resolve: 20 * time.Millisecond,
		Documents: 3, References: 5, Fetched: 2, BytesAvoided: 4096})
	counted.Count(metrics.Pull{Result: metrics.Failure, Selected: true, Documents: 1, BytesAvoided: -7})
	counted.Count(metrics.Pull{Result: metrics.NotFound, Documents: 99})
	want := `
# HELP refract_pulls_total Pulls from registries that ended. Images that are a single manifest pass through refract and are not counted. refused: by an image verifier, by the policy, or because an index breaks the rules or limits; not_found: nothing for the platform, or no such image; cancelled: whoever asked gave up; failure: everything else, mostly registries and networks.
# TYPE refract_pulls_total counter
refract_pulls_total{result="cancelled"} 0
refract_pulls_total{result="failure"} 1
refract_pulls_total{result="not_found"} 1
refract_pulls_total{result="refused"} 0
refract_pulls_total{result="success"} 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "refract_pulls_total"); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]float64{
		"refract_documents_read_total": 4, "refract_references_seen_total": 5, "refract_references_fetched_total": 2, "refract_bytes_avoided_total": 4096,
	} {
		if got := value(t, registry, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	for name, want := range map[string]float64{"refract_selection_duration_seconds": 30e-6, "refract_resolve_duration_seconds": 20e-3} {
		if got := value(t, registry, name); got != want {
			t.Errorf("sum of %s is %v, want %v", name, got, want)
		}
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("names and units: %v, %v", problems, err)
	}
}

// value is that of a counter, or the sum of a histogram.
func value(t *testing.T, from prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			metric := family.GetMetric()[0]
			return metric.GetCounter().GetValue() + metric.GetHistogram().GetSampleSum()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}

// containerd may make the plugin that counts more than once.
func TestRegisteringAgainUsesTheSame(t *testing.T) {
	registry, first := register(t)
	second, err := metrics.Register(registry)
	if err != nil || second != first {
		t.Fatalf("%p after %p, %v", second, first, err)
	}
}

func TestCountingWithoutMetrics(*testing.T) {
	var none *metrics.Metrics
	none.Count(metrics.Pull{Result: metrics.Success, Selected: true})
}

func TestHandler(t *testing.T) {
	registry, counted := register(t)
	counted.Count(metrics.Pull{Result: metrics.Refused})
	var broken error
	server := httptest.NewServer(metrics.Handler(registry, func(context.Context) error { return broken }))
	defer server.Close()
	get := func(path string) (int, string) {
		t.Helper()
		answer, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body)
	}
	if code, body := get("/metrics"); code != http.StatusOK || !strings.Contains(body, `refract_pulls_total{result="refused"} 1`) {
		t.Errorf("%d %s", code, body)
	}
	if code, body := get("/healthz"); code != http.StatusOK || body != "ok\n" {
		t.Errorf("%d %q", code, body)
	}
	broken = errors.New("containerd does not answer")
	if code, body := get("/healthz"); code != http.StatusServiceUnavailable || body != "containerd does not answer\n" {
		t.Errorf("%d %q", code, body)
	}
	if code, _ := get("/"); code != http.StatusNotFound {
		t.Errorf("/ answers %d", code)
	}
}
