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

// query is one question on its way through containerd's resolver, which asks every host of a registry, and some again.
type query struct {
	mu sync.Mutex
	// settled is what the host that gave the image does not have: nobody else is asked for it. By the last two parts of the path.
	settled map[string]bool
	// failed are statuses that containerd tries again after: once is enough for what is optional. By method and URL.
	failed map[string]int
	// take reads an answer within what may be read for all questions.
	take func(io.Reader) ([]byte, error)
	// page is the list that a host answered with, or why it could not be read. containerd is given an empty one in its place.
	page    []byte
	pageErr error
	// open is why some host has not answered: what others do not have it may have. nil if all did.
	open error
}

type queryKey struct{}

// withQuery makes a context for one question, of which take reads the answers.
func withQuery(ctx context.Context, take func(io.Reader) ([]byte, error)) context.Context {
	return context.WithValue(ctx, queryKey{}, &query{settled: map[string]bool{}, failed: map[string]int{}, take: take})
}

// queryOf is the question that a request is made for; nil if it is made for none.
func queryOf(ctx context.Context) *query {
	question, _ := ctx.Value(queryKey{}).(*query)
	return question
}

// replay answers a request to which the answer is known.
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

// note remembers an answer. giver is the host that gave the image, if it is known.
func (q *query) note(request *http.Request, response *http.Response, giver string) {
	if q == nil || response == nil || !readsOnly(request) {
		return
	}
	// Where a request was sent elsewhere, the answer is one to what was asked at first.
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

// emptyList is what containerd is given of a list of referrers: it would make a structure of each entry, though nobody has said yet how
// many may be of use.
const emptyList = `{"schemaVersion":2,"manifests":[]}`

// unencoded asks for a list as it is: one that came encoded, containerd would have to read.
func unencoded(request *http.Request) *http.Request {
	request = request.Clone(request.Context())
	request.Header.Del("Accept-Encoding")
	return request
}

// keepPage takes a list out of an answer. What is none is left to containerd, which tells what is wrong with it.
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

// listed is what keepPage took, if it did.
func (q *query) listed() ([]byte, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.page, q.pageErr
}

// fail remembers that a request had no answer.
func (q *query) fail(why error) {
	if q == nil || why == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open = cmp.Or(q.open, why)
}

// unanswered is why some host has not answered; nil if all did.
func (q *query) unanswered() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.open
}

// isSearched tells whether a request looks for something that may be there or not: a tag or a list. What has a digest is known to be
// somewhere, because something names it.
func isSearched(request *http.Request) bool {
	above, last := path.Split(request.URL.Path)
	kind := path.Base(above)
	return kind == "referrers" || kind == "manifests" && !strings.Contains(last, ":")
}

func readsOnly(request *http.Request) bool {
	return request.Method == http.MethodGet || request.Method == http.MethodHead
}

// firstOf is the request that others came of by redirects.
func firstOf(request *http.Request) *http.Request {
	for request.Response != nil && request.Response.Request != nil {
		request = request.Response.Request
	}
	return request
}

// wantedBy is what a request wants of a repository, at whichever host: "referrers/<digest>", "manifests/<tag>", "blobs/<digest>".
func wantedBy(request *http.Request) string {
	above, last := path.Split(request.URL.Path)
	return path.Base(above) + "/" + last
}
