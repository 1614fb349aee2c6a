// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

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

// bounds are what one pull spends on what it asks beside its image: so many requests, and one wait for each host that does not answer.
type bounds struct {
	requests int64         // that may be made to look for what is attached
	patience time.Duration // that a host has for an answer, and for each further part of it

	mu     sync.Mutex
	made   int64
	silent map[string]*silence // by the host that did not answer
}

// downloadPatience is what a host has at least where a reference is downloaded.
const downloadPatience = 10 * time.Second

// patienceShare is how many hosts in a row may stay silent until the deadline is used up.
const patienceShare = 3

func boundsOf(p policy.Policy) *bounds {
	deadline, requests := p.LookupLimits()
	return &bounds{requests: requests, patience: max(deadline/patienceShare, time.Nanosecond), silent: map[string]*silence{}}
}

// errSilent ends a request to a host that does not answer.
var errSilent = errors.New("no answer in time")

// silence is the error of a request that found nobody, or was not made. It is no timeout to containerd, which would ask again.
type silence struct {
	text  string
	cause error // nil if none was made
}

func (s *silence) Error() string { return s.text }

func (s *silence) Unwrap() []error {
	if s.cause == nil {
		return []error{errdefs.ErrUnavailable}
	}
	return []error{s.cause, errdefs.ErrUnavailable}
}

// roundTrip makes a request unless the host stayed silent before, or, of one that counts, too many were made.
func (b *bounds) roundTrip(inner http.RoundTripper, request *http.Request, counts bool) (*http.Response, error) {
	host := hostOf(request.URL)
	if err := b.admit(host, counts); err != nil {
		if request.Body != nil {
			request.Body.Close()
		}
		return nil, err
	}
	patience := b.patience
	if !counts {
		// A download is no look-up: the deadline is not for it.
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

// admit counts a request, or says why it is not made.
func (b *bounds) admit(host string, counts bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	// Who did not answer a question in time may still have what it listed.
	if before := b.silent[host]; before != nil && (counts || !errors.Is(before.cause, errSilent)) {
		return before
	}
	if !counts {
		return nil
	}
	if b.made >= b.requests {
		return &silence{text: fmt.Sprintf("the limit of %d requests (max_requests) is used up", b.requests)}
	}
	b.made++
	return nil
}

// judge remembers the host of a request that failed because nobody answered. ctx is the caller's, ended why the request's was.
func (b *bounds) judge(ctx context.Context, host string, ended, err error) error {
	gaveUp := errors.Is(ended, errSilent)
	switch {
	case ctx.Err() != nil, !gaveUp && !unanswered(err):
		return err
	case gaveUp:
		err = fmt.Errorf("%w (%s)", errSilent, b.patience)
	}
	return b.remember(host, err)
}

// remember is the error for this request to a host, and for all that come.
func (b *bounds) remember(host string, why error) *silence {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.silent[host] == nil {
		b.silent[host] = &silence{text: fmt.Sprintf("%s does not answer: %s", host, regerr.Readable(why)), cause: why}
	}
	return b.silent[host]
}

// unanswered tells whether nobody answered: where that is so once, the next request would wait in vain, too.
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

// hostOf is the host and port that a URL leads to, whatever is spoken there.
func hostOf(address *url.URL) string {
	port := address.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[address.Scheme]
	}
	return net.JoinHostPort(address.Hostname(), port)
}

// patientBody ends when nothing comes for as long as a host has for an answer.
type patientBody struct {
	io.ReadCloser
	bounds   *bounds
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
