// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/plugin/regerr"
)

// referrersSeen remembers how registries responded to requests for lists of referrers. containerd only returns its own
// conclusion: it falls back to the digest's tag if there is no such list, reads no second page, and drops an error if the tag
// does not exist.
type referrersSeen struct {
	mu    sync.Mutex
	lists map[string]listed // by digest
}

// listed is what the hosts returned for one list.
type listed struct {
	whole, paged bool
	open         string // why it is not known whether there is a list
}

// watchful observes responses and enforces the bounds. It also cuts search responses off at the limit: containerd's resolver
// would read a document to its end to compute its digest.
type watchful struct {
	http.RoundTripper
	names *Repository
	most  int64
}

func (w *watchful) RoundTrip(request *http.Request) (*http.Response, error) {
	question := queryOf(request.Context())
	if known := question.replay(request); known != nil {
		return known, nil
	}
	of, lists := referrersOf(request)
	if lists && question != nil {
		request = unencoded(request)
	}
	response, err := w.names.bounds.roundTrip(w.RoundTripper, request, question != nil)
	question.note(request, response, w.names.giver())
	question.fail(err)
	if lists {
		w.names.seen.note(of, response, err)
	}
	if err == nil && question != nil && request.Method != http.MethodHead {
		response.Body = &limitedBody{ReadCloser: response.Body, left: w.most}
		if lists {
			question.keepPage(response)
		}
	}
	return response, err
}

type limitedBody struct {
	io.ReadCloser
	left int64
}

func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("the answer is longer than any of what is attached may be: %w", errdefs.ErrDataLoss)
	}
	return n, err
}

// referrersOf is the digest whose referrers a request lists (distribution-spec, "Listing Referrers"), wherever the registry's
// own path is. For a redirected request, it is the digest of the original one.
func referrersOf(request *http.Request) (string, bool) {
	request = firstOf(request)
	above, last := path.Split(request.URL.Path)
	_, err := digest.Parse(last)
	return last, err == nil && request.Method == http.MethodGet && strings.HasSuffix(above, "/referrers/")
}

func (s *referrersSeen) note(of string, response *http.Response, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.lists[of]
	switch {
	case err != nil:
		one.open = "a request for referrers: " + regerr.Readable(err).Error()
	case response.StatusCode >= http.StatusMultipleChoices && response.StatusCode < http.StatusBadRequest:
		// This is a redirect. Nothing is known until its target has responded.
		one.open = answered(response)
	case response.StatusCode == http.StatusOK:
		one.whole = true
		one.paged = response.Header.Get("Link") != ""
		one.open = ""
	case response.StatusCode == http.StatusUnauthorized:
		// The request is repeated with a token.
		one.open = answered(response)
	case response.StatusCode >= http.StatusInternalServerError, response.StatusCode == http.StatusTooManyRequests:
		one.open = answered(response)
	default:
		// The registry says that there is no list.
		one.open = ""
	}
	s.lists[of] = one
}

func answered(response *http.Response) string {
	return "the registry answered " + response.Status + " to a request for referrers"
}

// check returns ErrNotFound if the registry has no such lists, and another error if there may be more than containerd has read.
func (s *referrersSeen) check(of digest.Digest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch one := s.lists[of.String()]; {
	case one.paged:
		return fmt.Errorf("the registry lists referrers on several pages, containerd reads the first: %w", errdefs.ErrUnavailable)
	case one.whole:
		return nil
	case one.open != "":
		return &Silence{Text: one.open}
	default:
		return fmt.Errorf("the registry does not list referrers: %w", errdefs.ErrNotFound)
	}
}
