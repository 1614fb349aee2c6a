// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package registries

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	tokenPath = "/token"
	// tokenLife is how long a token is good, in seconds.
	tokenLife = 300
)

// tokenServer gives out tokens to read with, as the specification of distribution's token authentication has it: JSON Web Tokens,
// signed with ES256 and with the certificate of the key in their header. It answers GET with the name and password of Basic
// authentication, and POST of OAuth 2's "password" grant.
type tokenServer struct {
	url    string
	relay  *Relay
	server http.Server
	keys   *authority
	public bool

	mu    sync.Mutex
	asked []Request
}

func startTokens(keys *authority, options Options) (*tokenServer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("token server: %w", err)
	}
	s := &tokenServer{keys: keys, public: options.Login == PublicToken}
	if s.relay, err = NewRelay(options.RoundTrip); err != nil {
		_ = listener.Close() // nothing has come of it
		return nil, err
	}
	s.relay.Lead(listener.Addr().String())
	s.server.Handler = http.HandlerFunc(s.serve)
	_, port, err := net.SplitHostPort(s.relay.Address())
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	// By its name, because crane refuses to be sent to another host by a loopback address.
	s.url = "http://localhost:" + port + tokenPath
	serve := func() error { return s.server.Serve(listener) }
	if !options.Plain {
		s.url = "https://localhost:" + port + tokenPath
		s.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{keys.pair}}
		serve = func() error { return s.server.ServeTLS(listener, "", "") }
	}
	go func() { _ = serve() }() // ends with close
	return s, nil
}

func (s *tokenServer) close() error {
	err := s.relay.Close()
	if closeErr := s.server.Close(); err == nil {
		err = closeErr
	}
	return err
}

// take returns what it was asked for since the last call.
func (s *tokenServer) take() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

func (s *tokenServer) serve(w http.ResponseWriter, r *http.Request) {
	status, answer := s.answer(r)
	s.mu.Lock()
	s.asked = append(s.asked, Request{Method: r.Method, Target: r.URL.RequestURI(), Protocol: r.Proto, Status: status})
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // who went away does not want it
}

func (s *tokenServer) answer(r *http.Request) (status int, answer any) {
	refused := map[string]any{"errors": []any{map[string]string{"code": "UNAUTHORIZED", "message": "refused by the tests' token server"}}}
	if r.URL.Path != tokenPath {
		return http.StatusNotFound, refused
	}
	if err := r.ParseForm(); err != nil {
		return http.StatusBadRequest, refused
	}
	user, password, basic := r.BasicAuth()
	if r.Method == http.MethodPost && r.Form.Get("grant_type") == "password" {
		user, password, basic = r.Form.Get("username"), r.Form.Get("password"), true
	}
	right := user == User && password == Password
	if basic && !right || !basic && !s.public {
		return http.StatusUnauthorized, refused
	}
	if r.Form.Get("service") != service {
		return http.StatusBadRequest, refused
	}
	token, err := s.token(user, strings.Fields(strings.Join(r.Form["scope"], " ")))
	if err != nil {
		return http.StatusInternalServerError, refused
	}
	return http.StatusOK, map[string]any{"token": token, "access_token": token, "expires_in": tokenLife}
}

type access struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

// token grants what was asked for of repositories, but only to read.
func (s *tokenServer) token(user string, scopes []string) (string, error) {
	granted := []access{}
	for _, scope := range scopes {
		// A name may hold colons, where a registry's port is in it.
		kind, rest, _ := strings.Cut(scope, ":")
		end := strings.LastIndex(rest, ":")
		if kind != "repository" || end < 0 {
			continue
		}
		if actions := strings.Split(rest[end+1:], ","); slices.Contains(actions, "pull") {
			granted = append(granted, access{kind, rest[:end], []string{"pull"}})
		}
	}
	now := time.Now().Unix()
	return s.sign(map[string]any{
		"iss": issuer, "sub": user, "aud": service, "iat": now, "nbf": now - 10, "exp": now + tokenLife, "jti": rand.Text(), "access": granted,
	})
}

// sign makes a JSON Web Token (RFC 7519) in the compact form of RFC 7515.
func (s *tokenServer) sign(claims map[string]any) (string, error) {
	header := map[string]any{"typ": "JWT", "alg": "ES256", "x5c": s.keys.pair.Certificate} // base64, as Go writes bytes
	var parts []string
	for _, part := range []any{header, claims} {
		text, err := json.Marshal(part)
		if err != nil {
			return "", err
		}
		parts = append(parts, base64.RawURLEncoding.EncodeToString(text))
	}
	signed := strings.Join(parts, ".")
	hash := sha256.Sum256([]byte(signed))
	one, other, err := ecdsa.Sign(rand.Reader, s.keys.signing, hash[:])
	if err != nil {
		return "", err
	}
	signature := make([]byte, 64)
	one.FillBytes(signature[:32])
	other.FillBytes(signature[32:])
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
