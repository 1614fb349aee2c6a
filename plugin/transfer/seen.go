// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

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

// seen remembers what registries answered to requests for lists of referrers. containerd tells only what it made of that: it takes the
// digest's tag where there is no such list, reads no second page, and forgets an error where the tag is not there.
type seen struct {
	mu    sync.Mutex
	lists map[string]listed // by digest
}

// listed is what came of the hosts that were asked for one list.
type listed struct {
	whole, paged bool
	open         string // what leaves open whether there is a list
}

// watchful sees answers pass and keeps within bounds. It ends answers to questions that are longer than any may be: containerd's
// resolver would read a document to its end, to know its digest.
type watchful struct {
	http.RoundTripper
	names *beside
	most  int64
}

func (w *watchful) RoundTrip(request *http.Request) (*http.Response, error) {
	question := askingOf(request.Context())
	if known := question.again(request); known != nil {
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

// referrersOf is the digest whose referrers a request lists (distribution-spec, "Listing Referrers"), wherever below a registry's own
// path that is. Of one that was redirected, it is what was asked for at first.
func referrersOf(request *http.Request) (string, bool) {
	request = firstOf(request)
	above, last := path.Split(request.URL.Path)
	_, err := digest.Parse(last)
	return last, err == nil && request.Method == http.MethodGet && strings.HasSuffix(above, "/referrers/")
}

func (s *seen) note(of string, response *http.Response, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.lists[of]
	switch {
	case err != nil:
		one.open = "a request for referrers: " + regerr.Readable(err).Error()
	case response.StatusCode >= http.StatusMultipleChoices && response.StatusCode < http.StatusBadRequest:
		// It is elsewhere. Until the answer from there has come, nothing is known.
		one.open = answered(response)
	case response.StatusCode == http.StatusOK:
		one.whole = true
		one.paged = response.Header.Get("Link") != ""
		one.open = ""
	case response.StatusCode == http.StatusUnauthorized:
		// Asked again with a token.
		one.open = answered(response)
	case response.StatusCode >= http.StatusInternalServerError, response.StatusCode == http.StatusTooManyRequests:
		one.open = answered(response)
	default:
		// It says that there is none.
		one.open = ""
	}
	s.lists[of] = one
}

func answered(response *http.Response) string {
	return "the registry answered " + response.Status + " to a request for referrers"
}

// check tells what of a list is known: ErrNotFound if the registry has no such lists, and another error if there may be more than
// containerd has read.
func (s *seen) check(of digest.Digest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch one := s.lists[of.String()]; {
	case one.paged:
		return fmt.Errorf("the registry lists referrers on several pages, containerd reads the first: %w", errdefs.ErrUnavailable)
	case one.whole:
		return nil
	case one.open != "":
		return &silence{text: one.open}
	default:
		return fmt.Errorf("the registry does not list referrers: %w", errdefs.ErrNotFound)
	}
}
