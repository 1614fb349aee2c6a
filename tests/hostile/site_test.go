// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// site is a server that keeps what it was sent.
type site struct {
	server      *httptest.Server
	connections atomic.Int64
	mu          sync.Mutex
	requests    []string // as they came, with headers and body
}

// listen starts a site on all of loopback, with TLS or without.
func listen(t *testing.T, tls bool, handler http.HandlerFunc) *site {
	t.Helper()
	s := &site{}
	s.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := httputil.DumpRequest(r, true)
		if err != nil {
			text = []byte(err.Error())
		}
		s.mu.Lock()
		s.requests = append(s.requests, string(text))
		s.mu.Unlock()
		handler(w, r)
	}))
	// Both families, so that a connection to any spelling of loopback is seen.
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	_ = s.server.Listener.Close() // the one that httptest made
	s.server.Listener = counting{listener, &s.connections}
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if tls {
		s.server.StartTLS()
	} else {
		s.server.Start()
	}
	t.Cleanup(func() {
		s.server.CloseClientConnections()
		s.server.Close()
	})
	return s
}

// canary is a site that nobody may reach, or not with secrets.
func canary(t *testing.T) *site {
	t.Helper()
	return listen(t, false, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "sings", http.StatusTeapot) })
}

type counting struct {
	net.Listener
	connections *atomic.Int64
}

func (c counting) Accept() (net.Conn, error) {
	connection, err := c.Listener.Accept()
	if err == nil {
		c.connections.Add(1)
	}
	return connection, err
}

func (s *site) port() string {
	_, port, _ := net.SplitHostPort(s.server.Listener.Addr().String())
	return port
}

func (s *site) host() string { return "127.0.0.1:" + s.port() }

func (s *site) url(path string) string {
	scheme := "http"
	if s.server.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + s.host() + path
}

// asked are the requests so far.
func (s *site) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.requests...)
}

// isUntouched: nobody connected to it.
func (s *site) isUntouched(t *testing.T) {
	t.Helper()
	if n := s.connections.Load(); n != 0 {
		t.Errorf("%d connections were made to it: %q", n, s.asked())
	}
}

// knowsNone of the secrets, though it was asked at least once.
func (s *site) knowsNone(t *testing.T, secrets ...string) {
	t.Helper()
	all := s.asked()
	if len(all) == 0 {
		t.Error("it was never asked, so this proves nothing")
	}
	for _, request := range all {
		for _, secret := range secrets {
			if strings.Contains(strings.ToLower(request), strings.ToLower(secret)) {
				t.Errorf("%q was sent: %q", secret, request)
			}
		}
	}
}

// count of requests whose first line has these words.
func (s *site) count(words string) int {
	n := 0
	for _, request := range s.asked() {
		line, _, _ := strings.Cut(request, "\r\n")
		if strings.Contains(line, words) {
			n++
		}
	}
	return n
}

// challenge asks for a token or a password.
func challenge(w http.ResponseWriter, header string) {
	w.Header().Set("WWW-Authenticate", header)
	w.WriteHeader(http.StatusUnauthorized)
}

// asksForToken sends a client to a realm.
func asksForToken(w http.ResponseWriter, realm string) {
	challenge(w, fmt.Sprintf(`Bearer realm="%s",service="registry",scope="repository:app:pull"`, realm))
}
