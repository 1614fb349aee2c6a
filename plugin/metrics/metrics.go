// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package metrics counts the results of pulls of extended indexes, for Prometheus. No label identifies an image, so the number
// of time series does not grow with the number of images.
package metrics

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Result is how a pull ended.
type Result string

// The results.
const (
	Success   Result = "success"
	Failure   Result = "failure"
	Refused   Result = "refused"
	NotFound  Result = "not_found"
	Cancelled Result = "cancelled"
)

func results() []Result { return []Result{Success, Failure, Refused, NotFound, Cancelled} }

// Pull is what is counted for one pull when it has ended.
type Pull struct {
	Result Result
	// Selected tells that the pull selected an image, even if it failed later. The fields below are counted only for such
	// pulls.
	Selected     bool
	Selection    time.Duration // time spent in C++, without waiting for documents
	Resolve      time.Duration // time from the root's descriptor to the selection, including waiting
	Documents    int
	References   int
	Fetched      int
	BytesAvoided int64
}

// Metrics are the counters of one process. A nil *Metrics counts nothing.
type Metrics struct {
	pulls             *prometheus.CounterVec
	selection         prometheus.Histogram
	resolve           prometheus.Histogram
	documents         prometheus.Counter
	referencesSeen    prometheus.Counter
	referencesFetched prometheus.Counter
	bytesAvoided      prometheus.Counter
}

// Register registers the metrics where they are served from. Metrics that are registered there already are reused: there is one
// set in a process.
func Register(with prometheus.Registerer) (*Metrics, error) {
	made := newMetrics()
	err := with.Register(made)
	var before prometheus.AlreadyRegisteredError
	if errors.As(err, &before) {
		if same, ok := before.ExistingCollector.(*Metrics); ok {
			return same, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return made, nil
}

func newMetrics() *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "refract", Name: name, Help: help})
	}
	m := &Metrics{
		pulls: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "refract", Name: "pulls_total",
			Help: "Pulls from registries that ended. Images that are a single manifest pass through refract and are not counted. " +
				"refused: by an image verifier, by the policy, or because an index breaks the rules or limits; " +
				"not_found: nothing for the platform, or no such image; cancelled: whoever asked gave up; failure: everything else, mostly registries and networks.",
		}, []string{"result"}),
		selection: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "refract", Name: "selection_duration_seconds",
			Help:    "Time that parsing, checking and selecting took, all documents of a pull together, without waiting for any.",
			Buckets: []float64{5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 5e-2, 0.25},
		}),
		resolve: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "refract", Name: "resolve_duration_seconds",
			Help:    "Time from an index's descriptor to the selection, waiting for the registry and the content store included.",
			Buckets: []float64{1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60},
		}),
		documents: counter("documents_read_total",
			"Indexes, manifests and configs that selections were made from, from the registry or the content store."),
		referencesSeen: counter("references_seen_total",
			"References that the indexes of pulls told of, each once a pull."),
		referencesFetched: counter("references_fetched_total",
			"References that pulls left on the node whole, downloaded now or before."),
		bytesAvoided: counter("bytes_avoided_total",
			"Bytes that containerd alone would have downloaded and refract did not: the sizes that indexes declare for entries left out that were not read "+
				"or fetched either. An artifact counts with its manifest only, because what its layers add is not known without downloading it; so the true figure "+
				"is larger. Counted once a pull, also where containerd would have had the content already."),
	}
	for _, result := range results() {
		// Counters start at zero, so that the first failure is an increase.
		m.pulls.WithLabelValues(string(result))
	}
	return m
}

func (m *Metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.pulls, m.selection, m.resolve, m.documents, m.referencesSeen, m.referencesFetched, m.bytesAvoided}
}

// Describe implements [prometheus.Collector].
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	for _, one := range m.all() {
		one.Describe(to)
	}
}

// Collect implements [prometheus.Collector].
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	for _, one := range m.all() {
		one.Collect(to)
	}
}

// Count counts a pull that has ended.
func (m *Metrics) Count(pull Pull) {
	if m == nil {
		return
	}
	m.pulls.WithLabelValues(string(pull.Result)).Inc()
	if !pull.Selected {
		return
	}
	m.selection.Observe(pull.Selection.Seconds())
	m.resolve.Observe(pull.Resolve.Seconds())
	m.documents.Add(float64(pull.Documents))
	m.referencesSeen.Add(float64(pull.References))
	m.referencesFetched.Add(float64(pull.Fetched))
	m.bytesAvoided.Add(float64(max(pull.BytesAvoided, 0)))
}
