// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"time"

	"github.com/containerd/errdefs"

	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/regerr"
)

// Bounds limit what one pull spends on requests other than for its image: the number of requests, and one timeout for each host
// that does not respond.
type Bounds struct {
	requests int64         // how many search requests may be made
	patience time.Duration // how long a host may take to respond, and for each further part of the response

	mu     sync.Mutex
	made   int64
	silent map[string]*Silence // by host, for hosts that did not respond
}

// downloadPatience is the least patience while a reference is downloaded.
const downloadPatience = 10 * time.Second

// patienceShare is how many unresponsive hosts in a row use up the deadline.
const patienceShare = 3

// NewBounds returns the bounds that a policy sets.
func NewBounds(p policy.Policy) *Bounds {
	deadline, requests := p.LookupLimits()
	return &Bounds{requests: requests, patience: max(deadline/patienceShare, time.Nanosecond), silent: map[string]*Silence{}}
}

// errSilent ends a request to a host that does not respond.
var errSilent = errors.New("no answer in time")

// Silence is the error of a request that got no response, or was not made. To containerd it is no timeout, because containerd
// retries those.
type Silence struct {
	Text  string
	cause error // nil if no request was made
}

func (s *Silence) Error() string { return s.Text }

func (s *Silence) Unwrap() []error {
	if s.cause == nil {
		return []error{errdefs.ErrUnavailable}
	}
	return []error{s.cause, errdefs.ErrUnavailable}
}

// roundTrip makes a request unless the host was unresponsive before, or the request counts and the limit is used up.
func (b *Bounds) roundTrip(inner http.RoundTripper, request *http.Request, counts bool) (*http.Response, error) {
	host := hostOf(request.URL)
	if err := b.admit(host, counts); err != nil {
		if request.Body != nil {
			request.Body.Close()
		}
		return nil, err
	}
	patience := b.patience
	if !counts {
		// A download is not part of the search, so the deadline does not apply.
		patience = max(patience, downloadPatience)
	}
	ctx, cancel := context.WithCancelCause(request.Context())
	late := time.AfterFunc(patience, func() { cancel(errSilent) })
	response, err := inner.RoundTrip(request.WithContext(ctx))
	if !late.Stop() && err == nil {
		response.Body.Close()
		err = errSilent
	}
	if err != nil {
		cancel(nil)
		return nil, b.judge(request.Context(), host, context.Cause(ctx), err)
	}
	response.Body = &patientBody{ReadCloser: response.Body, bounds: b, patience: patience, host: host, ctx: ctx, cancel: cancel}
	return response, nil
}

// admit counts a request, or returns why it is not made.
func (b *Bounds) admit(host string, counts bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	// A host that timed out on a search may still serve the documents that it listed.
	if before := b.silent[host]; before != nil && (counts || !errors.Is(before.cause, errSilent)) {
		return before
	}
	if !counts {
		return nil
	}
	if b.made >= b.requests {
		return &Silence{Text: fmt.Sprintf("the limit of %d requests (max_requests) is used up", b.requests)}
	}
	b.made++
	return nil
}

// judge remembers the host of a request that failed without a response. ctx is the caller's; ended is why the request's context
// ended.
func (b *Bounds) judge(ctx context.Context, host string, ended, err error) error {
	gaveUp := errors.Is(ended, errSilent)
	switch {
	case ctx.Err() != nil, !gaveUp && !unanswered(err):
		return err
	case gaveUp:
		err = fmt.Errorf("%w (%s)", errSilent, b.patience)
	}
	return b.remember(host, err)
}

// remember returns the error for this request to a host and for all later ones.
func (b *Bounds) remember(host string, why error) *Silence {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.silent[host] == nil {
		b.silent[host] = &Silence{Text: fmt.Sprintf("%s does not answer: %s", host, regerr.Readable(why)), cause: why}
	}
	return b.silent[host]
}

// unanswered tells whether no response came at all. If so, the next request would wait in vain, too.
func unanswered(err error) bool {
	var late net.Error
	var nameless *net.DNSError
	if errors.As(err, &late) && late.Timeout() || errors.As(err, &nameless) {
		return true
	}
	for _, refused := range []error{syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ETIMEDOUT} {
		if errors.Is(err, refused) {
			return true
		}
	}
	return false
}

// hostOf is the host and port of a URL, whatever its scheme.
func hostOf(address *url.URL) string {
	port := address.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[address.Scheme]
	}
	return net.JoinHostPort(address.Hostname(), port)
}

// patientBody fails if nothing is received for as long as a host may take to respond.
type patientBody struct {
	io.ReadCloser
	bounds   *Bounds
	patience time.Duration
	host     string
	ctx      context.Context
	cancel   context.CancelCauseFunc
}

func (b *patientBody) Read(p []byte) (int, error) {
	late := time.AfterFunc(b.patience, func() { b.cancel(errSilent) })
	n, err := b.ReadCloser.Read(p)
	late.Stop()
	if err != nil && errors.Is(context.Cause(b.ctx), errSilent) {
		return n, b.bounds.remember(b.host, fmt.Errorf("%w: nothing more came for %s", errSilent, b.patience))
	}
	return n, err
}

// Close ends the request.
func (b *patientBody) Close() error {
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}
