// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc/status"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/printable"
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

// saying is a registry whose status line, errors and challenges say a text.
func saying(t *testing.T, text string) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"errors": []map[string]string{{"code": text, "message": text, "detail": text}}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		connection, buffer, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer connection.Close()
		fmt.Fprintf(buffer, "HTTP/1.1 418 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", text, len(body), body)
		_ = buffer.Flush() // who went away does not want it
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// TestErrorsOfARegistryAreShownEscaped: what a registry says is in what a pod is told, and in the daemon's log, and does nothing there.
func TestErrorsOfARegistryAreShownEscaped(t *testing.T) {
	asked, escaped := 0, 0
	for _, row := range printable.Harmful() {
		if strings.ContainsAny(row.Text, "\r\n\x00") {
			continue // no status line can have it
		}
		image := saying(t, row.Text) + "/app:1.0"
		for who, daemon := range map[string]*harness.Daemon{"containerd-refract": refractDaemon(t), "refractd": behindDaemon(t)} {
			for _, way := range []string{"cri", "transfer"} {
				if who == "refractd" && way != "cri" {
					continue
				}
				err := pull(t.Context(), daemon, way, image)
				if err == nil {
					t.Fatalf("%s, %s: pulled", who, way)
				}
				message := status.Convert(err).Message()
				if harm := printable.Harm(message); harm != "" {
					t.Errorf("%s, %s, %s: %s stands raw in %q", who, way, row.Name, harm, message)
				}
				asked++
				if strings.Contains(message, row.Shown) {
					escaped++
				}
			}
		}
	}
	t.Logf("%d errors, in %d the registry's words are shown escaped", asked, escaped)
	if escaped < asked/2 {
		t.Errorf("in %d of %d errors the registry's words are shown", escaped, asked)
	}
}
