// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	ctransfer "github.com/containerd/containerd/v2/core/transfer"
	"github.com/containerd/containerd/v2/core/transfer/image"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/refract-oci/refract/plugin/metrics"
	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/transfer"
	"github.com/refract-oci/refract/tests/shapes"
)

// counting is a registry of metrics, and a service that counts in it.
func counting(t *testing.T, inner ctransfer.Transferrer, n *node, p policy.Policy) (prometheus.Gatherer, ctransfer.Transferrer) {
	t.Helper()
	registry := prometheus.NewRegistry()
	counted, err := metrics.Register(registry)
	if err != nil {
		t.Fatal(err)
	}
	return registry, transfer.New(inner, n.db.ContentStore(), p, nil, transfer.WithMetrics(counted))
}

// counts are the values that are not zero; of histograms, how often something was observed.
func counts(t *testing.T, from prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			name := strings.TrimPrefix(family.GetName(), "refract_")
			for _, label := range metric.GetLabel() {
				name += " " + label.GetValue()
			}
			if value := metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount()); value != 0 {
				values[name] = value
			}
		}
	}
	return values
}

func TestPullsAreCounted(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	status := func(code int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(code)
			return true
		}
	}
	selected := func(more map[string]float64) map[string]float64 {
		all := map[string]float64{"pulls_total success": 1, "selection_duration_seconds": 1, "resolve_duration_seconds": 1,
			"documents_read_total": 3, "references_seen_total": 1}
		for name, value := range more {
			all[name] = value
		}
		return all
	}
	malformed := shape.WithRoot(func(index *ocispec.Index) { index.Manifests[0].Digest = "sha256:malformed" })
	for _, c := range []struct {
		name   string
		shape  shapes.Shape
		answer func(http.ResponseWriter, *http.Request) bool
		change func(*policy.Policy)
		want   map[string]float64
	}{
		{name: "listed", shape: shape, want: selected(map[string]float64{"bytes_avoided_total": float64(len(shape.Blobs[shape.References[0]]))})},
		{name: "fetched", shape: shape, change: func(p *policy.Policy) { p.References = policy.ReferencesFetch },
			want: selected(map[string]float64{"references_fetched_total": 1})},
		{name: "nothing matches", shape: shapes.ByName("refused-only-artifacts"), want: map[string]float64{"pulls_total not_found": 1}},
		{name: "no such tag", shape: shape, answer: status(http.StatusNotFound), want: map[string]float64{"pulls_total not_found": 1}},
		{name: "registry fails", shape: shape, answer: status(http.StatusInternalServerError), want: map[string]float64{"pulls_total failure": 1}},
		{name: "malformed", shape: malformed, want: map[string]float64{"pulls_total refused": 1}},
		{name: "a single manifest", shape: shapes.ByName("single-manifest"), want: map[string]float64{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, node := newNode(t)
			p := policy.Default()
			if c.change != nil {
				c.change(&p)
			}
			registry, service := counting(t, node.stock, node, p)
			_ = node.pullWith(ctx, service, serve(t, c.shape, c.answer).name(":latest"))
			if got := counts(t, registry); fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// What is not downloaded is counted by what the index says of it: each digest once, and not what was read or fetched.
func TestAvoidedBytesAreCounted(t *testing.T) {
	entry := func(name string, size int64, change ...func(*ocispec.Descriptor)) ocispec.Descriptor {
		made := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(name), Size: size,
			Annotations: map[string]string{"org.opencontainers.reference.type": "sbom"}}
		for _, one := range change {
			one(&made)
		}
		return made
	}
	arm64 := func(d *ocispec.Descriptor) { d.Platform = &ocispec.Platform{OS: "linux", Architecture: "arm64"} }
	blob := func(d *ocispec.Descriptor) { d.MediaType = "application/octet-stream" }
	for name, c := range map[string]struct {
		entries []ocispec.Descriptor
		want    float64
	}{
		"nothing":                {nil, 0},
		"artifacts":              {[]ocispec.Descriptor{entry("a", 1000), entry("b", 500)}, 1500},
		"the same twice":         {[]ocispec.Descriptor{entry("a", 1000), entry("a", 1000)}, 1000},
		"for another platform":   {[]ocispec.Descriptor{entry("a", 1000), entry("b", 500, arm64)}, 1000},
		"a blob":                 {[]ocispec.Descriptor{entry("a", 100<<20, blob)}, 100 << 20},
		"larger than a manifest": {[]ocispec.Descriptor{entry("a", 100<<20)}, 4 << 20},
		"more than there can be": {[]ocispec.Descriptor{entry("a", 1<<62, blob), entry("b", 1<<62, blob)}, 1 << 40},
	} {
		t.Run(name, func(t *testing.T) {
			shape := shapes.ByName("multi-platform").WithRoot(func(index *ocispec.Index) { index.Manifests = append(index.Manifests, c.entries...) })
			ctx, node := newNode(t)
			registry, service := counting(t, node.stock, node, policy.Default())
			if err := node.pullWith(ctx, service, serve(t, shape, nil).name(":latest")); err != nil {
				t.Fatal(err)
			}
			if got := counts(t, registry)["bytes_avoided_total"]; got != c.want {
				t.Errorf("%v bytes, want %v", got, c.want)
			}
		})
	}
	// An artifact that had to be read to be known as one costs what it costs.
	ctx, node := newNode(t)
	registry, service := counting(t, node.stock, node, policy.Default())
	if err := node.pullWith(ctx, service, serve(t, shapes.ByName("image-without-platform-after-artifact"), nil).name(":latest")); err != nil {
		t.Fatal(err)
	}
	if got := counts(t, registry); got["bytes_avoided_total"] != 0 || got["documents_read_total"] != 4 {
		t.Errorf("%v", got)
	}
}

// Between the root and its content containerd asks its image verifiers: a pull that ends there was refused.
func TestVerifiersAndGivingUpAreCounted(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"verifier":  {errors.New("image verifier bindir blocked pull"), "pulls_total refused"},
		"cancelled": {fmt.Errorf("pull: %w", context.Canceled), "pulls_total cancelled"},
		"too slow":  {fmt.Errorf("pull: %w", context.DeadlineExceeded), "pulls_total failure"},
	} {
		ctx, node := newNode(t)
		registry, service := counting(t, resolving{c.err}, node, policy.Default())
		if err := node.pullWith(ctx, service, serve(t, shape, nil).name(":latest")); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
		if got := counts(t, registry); len(got) != 1 || got[c.want] != 1 {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
	ctx, node := newNode(t)
	registry, service := counting(t, transferFunc(func(context.Context, any, any) error { return nil }), node, policy.Default())
	if err := service.Transfer(ctx, image.NewStore("a"), image.NewStore("b")); err != nil {
		t.Fatal(err)
	}
	if got := counts(t, registry); len(got) != 0 {
		t.Errorf("what is no pull was counted: %v", got)
	}
}

// resolving is a transfer service that ends where the root is known.
type resolving struct{ err error }

func (r resolving) Transfer(ctx context.Context, from, _ any, _ ...ctransfer.Opt) error {
	if _, _, err := from.(ctransfer.ImageFetcher).Resolve(ctx); err != nil {
		return err
	}
	return r.err
}

// traced gives a context whose spans are recorded, and a way to get at refract's.
func traced(ctx context.Context, t *testing.T) (context.Context, func() tracetest.SpanStubs) {
	t.Helper()
	recorded := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(recorded))
	t.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
	ctx, parent := provider.Tracer("test").Start(ctx, "test")
	t.Cleanup(func() { parent.End() })
	return ctx, func() tracetest.SpanStubs {
		var ours tracetest.SpanStubs
		for _, span := range recorded.GetSpans() {
			if strings.HasPrefix(span.Name, "refract.") {
				ours = append(ours, span)
			}
		}
		return ours
	}
}

func attributes(span tracetest.SpanStub) string {
	var all []string
	for _, one := range span.Attributes {
		all = append(all, fmt.Sprintf("%s=%s", one.Key, one.Value.String()))
	}
	return strings.Join(all, " ")
}

func TestPullsAreTraced(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	for _, way := range []string{"transfer", "client"} {
		base, node := newNode(t)
		ctx, spans := traced(base, t)
		name := serve(t, shape, nil).name(":latest")
		pull := func() error { return node.pull(ctx, name, fetchAll()) }
		if way == "client" {
			pull = func() error { return node.clientPull(ctx, t, name, fetchAll()) }
		}
		if err := pull(); err != nil {
			t.Fatal(err)
		}
		got := spans()
		if len(got) != 2 || got[0].Name != "refract.Select" || got[1].Name != "refract.FetchReferences" {
			t.Fatalf("%s: %v", way, got)
		}
		want := fmt.Sprintf(`refract.index.digest=%s refract.result=success refract.selected.digests=["%s"] refract.documents=3 refract.references=1`,
			shape.Root.Digest, shape.Selected)
		if text := attributes(got[0]); text != want || got[0].Status.Code != codes.Ok {
			t.Errorf("%s: %s, %v, want %s", way, text, got[0].Status, want)
		}
		if text := attributes(got[1]); text != "refract.references.wanted=1 refract.references.fetched=1" {
			t.Errorf("%s: %s", way, text)
		}
	}
}

func TestFailedSelectionsAreTraced(t *testing.T) {
	shape := shapes.ByName("refused-only-artifacts")
	base, node := newNode(t)
	ctx, spans := traced(base, t)
	if err := node.pull(ctx, serve(t, shape, nil).name(":latest"), policy.Default()); err == nil {
		t.Fatal("pulled")
	}
	got := spans()
	if len(got) != 1 || got[0].Status.Code != codes.Error || !strings.Contains(attributes(got[0]), "refract.result=not_found") {
		t.Fatalf("%+v", got)
	}
}
