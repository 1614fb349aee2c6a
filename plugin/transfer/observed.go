// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"errors"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/pkg/tracing"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.opentelemetry.io/otel/attribute"

	"github.com/refract-oci/refract/plugin/metrics"
	"github.com/refract-oci/refract/plugin/native"
)

// Option changes how a decorated transfer service is made.
type Option func(*transferrer)

// WithMetrics has pulls counted.
func WithMetrics(m *metrics.Metrics) Option {
	return func(t *transferrer) { t.metrics = m }
}

// count counts a pull that has ended. One whose root is no index passed through, unless the policy refused it: it is not refract's.
func (p *pull) count(err error) {
	if p.root.Digest != "" && native.MediaTypeKind(p.root.MediaType) != native.KindIndex && p.failed == nil {
		return
	}
	counted := metrics.Pull{Result: p.ended(err)}
	if chosen := p.chosen; chosen != nil {
		counted.Selected = true
		counted.Selection, counted.Resolve = chosen.selecting, chosen.resolving
		counted.Documents, counted.References = len(chosen.result.Documents), chosen.result.References
		counted.Fetched, counted.BytesAvoided = p.fetched, p.avoided
	}
	p.metrics.Count(counted)
}

// ended sorts pulls by who has to look at them.
func (p *pull) ended(err error) metrics.Result {
	result := resultOf(err)
	if result == metrics.Failure && p.root.Digest != "" && p.fetcher == nil && !errors.Is(err, context.DeadlineExceeded) {
		// Between the root and the first question for content, containerd asks its image verifiers.
		return metrics.Refused
	}
	return result
}

func resultOf(err error) metrics.Result {
	broken, ours := native.StatusOf(err)
	switch {
	case err == nil:
		return metrics.Success
	case errors.Is(err, context.Canceled), errdefs.IsCanceled(err):
		return metrics.Cancelled
	case errdefs.IsNotFound(err):
		return metrics.NotFound
	case ours && broken != native.StatusOutOfMemory && broken != native.StatusInternal,
		errdefs.IsFailedPrecondition(err), errdefs.IsPermissionDenied(err):
		return metrics.Refused
	default:
		return metrics.Failure
	}
}

// startSelect begins the span of a selection.
func startSelect(ctx context.Context, root ocispec.Descriptor) (context.Context, *tracing.Span) {
	return tracing.StartSpan(ctx, "refract.Select", tracing.WithAttribute("refract.index.digest", root.Digest.String()))
}

// endSelect records the result of the selection. The error is one that was made to be shown.
func endSelect(span *tracing.Span, chosen *selection, err error) {
	span.SetAttributes(attribute.String("refract.result", string(resultOf(err))))
	span.SetStatus(err)
	if err == nil {
		var selected []string
		for _, one := range chosen.result.Selections {
			selected = append(selected, one.Manifest.Digest.String())
		}
		span.SetAttributes(
			attribute.StringSlice("refract.selected.digests", selected),
			attribute.Int("refract.documents", len(chosen.result.Documents)),
			attribute.Int("refract.references", chosen.result.References),
		)
	}
	span.End()
}

// avoided adds up what containerd alone would have downloaded of the index's entries and this pull did not, as far as the index says.
// It is only counted, so that what goes wrong here is no error of the pull.
func (s *selection) avoided(ctx context.Context, store content.Store, fetched []digest.Digest) int64 {
	leftOut, err := s.leftOut(ctx, store)
	if err != nil {
		log.G(ctx).WithError(err).WithField("index", s.root.Digest).Debug("left out entries are not counted")
		return 0
	}
	here := map[digest.Digest]bool{}
	for _, document := range s.result.Documents {
		here[document.Digest] = true
	}
	for _, d := range fetched {
		here[d] = true
	}
	var sum int64
	for _, entry := range leftOut {
		if here[entry.Digest] || entry.Size < 0 {
			continue
		}
		here[entry.Digest] = true
		size := entry.Size
		if native.MediaTypeKind(entry.MediaType) != native.KindOther {
			// A larger one would have been refused.
			size = min(size, int64(native.DefaultLimits().DocumentBytes))
		}
		if sum += size; sum < 0 || sum > mostAvoided {
			// Nobody has vouched for the sizes: one index must not spoil the sum of all.
			return mostAvoided
		}
	}
	return sum
}

// mostAvoided is more than the artifacts of any one image will have.
const mostAvoided = 1 << 40

// timed is a walk with a stopwatch that runs while C++ works.
type timed struct {
	*native.Walk
	took time.Duration
}

func (w *timed) Begin(mediaType, digest string, size int64, bytes []byte) (*native.Need, error) {
	defer w.stop(time.Now())
	return w.Walk.Begin(mediaType, digest, size, bytes)
}

func (w *timed) Feed(bytes []byte) (*native.Need, error) {
	defer w.stop(time.Now())
	return w.Walk.Feed(bytes)
}

func (w *timed) Missing(reason string) (*native.Need, error) {
	defer w.stop(time.Now())
	return w.Walk.Missing(reason)
}

func (w *timed) stop(began time.Time) { w.took += time.Since(began) }
