// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc/status"

	"github.com/refract-oci/refract/tests/e2e/harness"
)

// queries are what refract leaves out of the URLs in an error, on purpose: they may be signed.
var queries = regexp.MustCompile(`\?[^\s":]*`)

// plainly is a message on one line, without queries.
func plainly(message string) string {
	return strings.Join(strings.Fields(queries.ReplaceAllString(message, "")), " ")
}

// refusing is a registry that has one answer to everything but the question what it is.
func refusing(t *testing.T, code int, realm bool) string {
	t.Helper()
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if realm {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="registry.example"`, server.URL+"/token"))
		}
		w.WriteHeader(code)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// TestCRIErrorsReadAsContainerds: what a pod is told of a registry's refusal does not depend on who pulls, but for queries of URLs.
func TestCRIErrorsReadAsContainerds(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	unreachable := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	stock := stockDaemon(t)
	for name, host := range map[string]string{
		"401 with a token server": refusing(t, http.StatusUnauthorized, true),
		"401":                     refusing(t, http.StatusUnauthorized, false),
		"403":                     refusing(t, http.StatusForbidden, false),
		"404":                     refusing(t, http.StatusNotFound, false),
		"429":                     refusing(t, http.StatusTooManyRequests, false),
		"500":                     refusing(t, http.StatusInternalServerError, false),
		"unreachable":             unreachable,
	} {
		image := host + "/app:1.0"
		_, err := stock.CRIPull(t.Context(), image)
		want := status.Convert(err)
		for who, daemon := range map[string]*harness.Daemon{"containerd-refract": refractDaemon(t), "refractd": behindDaemon(t)} {
			_, err := daemon.CRIPull(t.Context(), image)
			got := status.Convert(err)
			if err == nil || got.Code() != want.Code() || plainly(got.Message()) != plainly(want.Message()) {
				t.Errorf("%s, %s:\n%s: %s\nstock:\n%s: %s", name, who, got.Code(), got.Message(), want.Code(), want.Message())
			}
		}
	}
}
