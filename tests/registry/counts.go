// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"maps"
	"net/http"
	"slices"
)

// Counts are what a registry was asked for, and what it sent.
type Counts struct {
	Requests    int
	Bytes       int64 // of bodies
	Connections int
	ByKind      map[string]int // "GET manifests", "HEAD blobs", …
	// Asked is how often each reference was asked for with GET.
	Asked map[string]int
	// Log is every request, in order: "GET manifests <repository> <reference> <status>".
	Log []string
}

func newCounts() Counts {
	return Counts{ByKind: map[string]int{}, Asked: map[string]int{}}
}

// Counts returns what was counted since the last Reset. A request counts when its answer has ended.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := s.counts
	counts.ByKind, counts.Asked, counts.Log = maps.Clone(counts.ByKind), maps.Clone(counts.Asked), slices.Clone(counts.Log)
	return counts
}

// Reset begins to count anew.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts = newCounts()
}

func (s *Server) count(r *http.Request, target Target, sent *counting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Requests++
	s.counts.Bytes += sent.bytes
	s.counts.ByKind[r.Method+" "+target.Kind]++
	if r.Method == http.MethodGet && target.Reference != "" {
		s.counts.Asked[target.Reference]++
	}
	s.counts.Log = append(s.counts.Log, r.Method+" "+target.Kind+" "+target.Repository+" "+target.Reference+" "+http.StatusText(sent.status))
}

// counting counts the bytes of an answer.
type counting struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (c *counting) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *counting) Write(bytes []byte) (int, error) {
	if c.status == 0 {
		c.WriteHeader(http.StatusOK)
	}
	n, err := c.ResponseWriter.Write(bytes)
	c.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (c *counting) Unwrap() http.ResponseWriter { return c.ResponseWriter }
