// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package registry is a read-only registry that serves bytes as they are: what other registries refuse to store, and
// answers that no registry should give. It counts what it is asked for. Push fills a registry that stores.
package registry

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/tests/shapes"
)

// Target is what a request asks for.
type Target struct {
	Kind       string // "manifests", "blobs", "tags", "referrers", "ping" or "token"
	Repository string
	Reference  string        // tag or digest, as asked
	Digest     digest.Digest // of the manifest or blob that would be served; empty where there is nothing
}

// Fault answers a request in place of the registry; false leaves it to the registry.
type Fault func(w http.ResponseWriter, r *http.Request, target Target) bool

// Server is a registry on a loopback port.
type Server struct {
	listener net.Listener
	server   http.Server
	auth     *Auth

	mu           sync.Mutex
	repositories map[string]*repository
	fault        Fault
	counts       Counts
	referrers    bool
	page         int
}

type repository struct {
	blobs      map[digest.Digest][]byte
	mediaTypes map[digest.Digest]string
	tags       map[string]digest.Digest
}

// Listen starts a registry that anyone may read from.
func Listen() (*Server, error) {
	return listen(nil)
}

// ListenWithAuth starts a registry that answers only who shows the right credentials.
func ListenWithAuth(auth Auth) (*Server, error) {
	return listen(&auth)
}

func listen(auth *Auth) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("byte-serving registry: %w", err)
	}
	s := &Server{listener: listener, auth: auth, repositories: map[string]*repository{}}
	s.counts = newCounts()
	s.server.Handler = http.HandlerFunc(s.serve)
	s.server.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.counts.Connections++
		}
	}
	go func() { _ = s.server.Serve(listener) }() // ends with Close
	return s, nil
}

// Host is the registry's name in references.
func (s *Server) Host() string { return s.listener.Addr().String() }

// Close ends it, and all its connections.
func (s *Server) Close() error { return s.server.Close() }

// Add puts a shape into a repository beside what is there, with its root under the tags.
func (s *Server) Add(name string, shape shapes.Shape, tags ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repositories[name]
	if r == nil {
		r = &repository{map[digest.Digest][]byte{}, map[digest.Digest]string{}, map[string]digest.Digest{}}
		s.repositories[name] = r
	}
	for d, bytes := range shape.Blobs {
		if !shape.Absent[d] {
			r.blobs[d] = bytes
		}
	}
	maps.Copy(r.mediaTypes, shape.MediaTypes)
	maps.Copy(r.tags, shape.DigestTags)
	for _, tag := range tags {
		r.tags[tag] = shape.Root.Digest
	}
}

// Delete takes one document or blob away from a repository.
func (s *Server) Delete(name string, gone digest.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.repositories[name].blobs, gone)
}

// Inject makes the registry misbehave; nil makes it behave again.
func (s *Server) Inject(fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	target := s.target(r)
	counted := &counting{ResponseWriter: w}
	defer func() { s.count(r, target, counted) }()
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	if fault != nil && fault(counted, r, target) {
		return
	}
	if s.auth != nil && !s.auth.admit(counted, r, target, s.Host()) {
		return
	}
	switch {
	case target.Kind == "ping":
		counted.WriteHeader(http.StatusOK)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		refuse(counted, http.StatusMethodNotAllowed, "UNSUPPORTED")
	case target.Kind == "tags":
		s.listTags(counted, r, target)
	case target.Kind == "referrers":
		s.listReferrers(counted, r, target)
	default:
		s.send(counted, r, target)
	}
}

func (s *Server) send(w http.ResponseWriter, r *http.Request, target Target) {
	s.mu.Lock()
	var bytes []byte
	var mediaType string
	found := false
	if of := s.repositories[target.Repository]; of != nil && target.Digest != "" {
		bytes, found = of.blobs[target.Digest]
		mediaType = of.mediaTypes[target.Digest]
	}
	s.mu.Unlock()
	if !found {
		refuse(w, http.StatusNotFound, map[bool]string{true: "MANIFEST_UNKNOWN", false: "BLOB_UNKNOWN"}[target.Kind == "manifests"])
		return
	}
	w.Header().Set("Content-Type", cmp.Or(mediaType, "application/octet-stream"))
	w.Header().Set("Docker-Content-Digest", target.Digest.String())
	w.Header().Set("Content-Length", fmt.Sprint(len(bytes)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write(bytes) // who went away does not want it
	}
}

// target reads /v2/<name>/<kind>/<reference>; a name may have several parts.
func (s *Server) target(r *http.Request) Target {
	if r.URL.Path == tokenPath {
		return Target{Kind: "token"}
	}
	path := strings.TrimPrefix(r.URL.Path, "/v2/")
	parts := strings.Split(path, "/")
	if len(parts) < 3 {
		return Target{Kind: "ping"}
	}
	end := len(parts) - 2
	target := Target{Kind: parts[end], Repository: strings.Join(parts[:end], "/"), Reference: parts[end+1]}
	if target.Kind != "manifests" && target.Kind != "blobs" {
		return target
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.repositories[target.Repository]
	if of == nil {
		return target
	}
	target.Digest = of.tags[target.Reference]
	if _, has := of.blobs[digest.Digest(target.Reference)]; has {
		target.Digest = digest.Digest(target.Reference)
	}
	return target
}

// refuse answers as the specification has it.
func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"refused by the test registry"}]}`, code)
}
