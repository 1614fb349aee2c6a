// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// query is the state of one question in containerd's resolver, which asks every host of a registry, and some repeatedly.
type query struct {
	mu sync.Mutex
	// settled is what the host that gave the image does not have; other hosts are not asked for it. The key is the last two
	// parts of the path.
	settled map[string]bool
	// failed are statuses after which containerd retries; for an optional request one attempt is enough. The key is method and
	// URL.
	failed map[string]int
	// take reads a response within the limit for all of them.
	take func(io.Reader) ([]byte, error)
	// page is the list that a host returned, or pageErr why it could not be read. containerd gets an empty list instead.
	page    []byte
	pageErr error
	// open says why some host has not responded: it may have what others do not. nil if all responded.
	open error
}

type queryKey struct{}

// withQuery returns a context for one question. take reads its responses.
func withQuery(ctx context.Context, take func(io.Reader) ([]byte, error)) context.Context {
	return context.WithValue(ctx, queryKey{}, &query{settled: map[string]bool{}, failed: map[string]int{}, take: take})
}

// queryOf returns the query that a request belongs to, or nil.
func queryOf(ctx context.Context) *query {
	question, _ := ctx.Value(queryKey{}).(*query)
	return question
}

// replay returns the response to a request if it is already known.
func (q *query) replay(request *http.Request) *http.Response {
	if q == nil || !readsOnly(request) {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	status := q.failed[request.Method+" "+request.URL.String()]
	if status == 0 && q.settled[wantedBy(request)] {
		status = http.StatusNotFound
	}
	if status == 0 {
		return nil
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: request,
	}
}

// note remembers a response. giver is the host that gave the image, if it is known.
func (q *query) note(request *http.Request, response *http.Response, giver string) {
	if q == nil || response == nil || !readsOnly(request) {
		return
	}
	// After a redirect, the response belongs to the original request.
	first := firstOf(request)
	q.mu.Lock()
	defer q.mu.Unlock()
	switch status := response.StatusCode; {
	case status == http.StatusNotFound && giver != "" && strings.EqualFold(first.URL.Host, giver) && isSearched(first):
		q.settled[wantedBy(first)] = true
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= http.StatusInternalServerError:
		q.failed[first.Method+" "+first.URL.String()] = status
		q.open = cmp.Or(q.open, fmt.Errorf("%s answers %d %s", first.URL.Host, status, http.StatusText(status)))
	}
}

// emptyList replaces a list of referrers for containerd, which would build a structure for each entry. It is not known yet how
// many of them are needed.
const emptyList = `{"schemaVersion":2,"manifests":[]}`

// unencoded requests a list without compression: containerd would have to decode a compressed one.
func unencoded(request *http.Request) *http.Request {
	request = request.Clone(request.Context())
	request.Header.Del("Accept-Encoding")
	return request
}

// keepPage takes a list out of a response. An invalid one is left to containerd, which reports what is wrong with it.
func (q *query) keepPage(response *http.Response) {
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Encoding") != "" {
		return
	}
	page, err := q.take(response.Body)
	response.Body.Close()
	given := page
	if err != nil || json.Valid(page) {
		given = []byte(emptyList)
		q.mu.Lock()
		q.page, q.pageErr = page, err
		q.mu.Unlock()
	}
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(given)), int64(len(given))
	response.Header.Set("Content-Length", strconv.Itoa(len(given)))
}

// listed returns what keepPage took, if it did.
func (q *query) listed() ([]byte, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.page, q.pageErr
}

// fail remembers that a request got no response.
func (q *query) fail(why error) {
	if q == nil || why == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open = cmp.Or(q.open, why)
}

// unanswered returns why some host has not responded; nil if all have.
func (q *query) unanswered() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.open
}

// isSearched tells whether a request looks for something that may not exist: a tag or a list. A digest is known to exist
// somewhere, because a document names it.
func isSearched(request *http.Request) bool {
	above, last := path.Split(request.URL.Path)
	kind := path.Base(above)
	return kind == "referrers" || kind == "manifests" && !strings.Contains(last, ":")
}

func readsOnly(request *http.Request) bool {
	return request.Method == http.MethodGet || request.Method == http.MethodHead
}

// firstOf returns the original request of a chain of redirects.
func firstOf(request *http.Request) *http.Request {
	for request.Response != nil && request.Response.Request != nil {
		request = request.Response.Request
	}
	return request
}

// wantedBy is the part of a request's path below the repository: "referrers/<digest>", "manifests/<tag>", "blobs/<digest>".
func wantedBy(request *http.Request) string {
	above, last := path.Split(request.URL.Path)
	return path.Base(above) + "/" + last
}
