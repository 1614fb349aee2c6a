// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/containerd/v2/core/transfer/image"
	"github.com/containerd/containerd/v2/core/transfer/registry"
	"github.com/containerd/log"
	"github.com/sirupsen/logrus"

	"github.com/refract-oci/refract/plugin/transfer"
	"github.com/refract-oci/refract/tests/shapes"
)

// credentials answers with canaries.
type credentials struct{}

func (credentials) GetCredentials(_ context.Context, _, host string) (registry.Credentials, error) {
	return registry.Credentials{Host: host, Username: "canary-01", Secret: "canary-02", Header: "canary-03"}, nil
}

// written collects what refract logs, and leaves out what containerd does.
type written struct {
	mu    sync.Mutex
	lines []string
}

func (*written) Levels() []logrus.Level { return logrus.AllLevels }

func (w *written) Fire(entry *logrus.Entry) error {
	if entry.Caller == nil || !strings.Contains(entry.Caller.Function, "refract-oci/refract") {
		return nil
	}
	line, err := entry.String()
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, line)
	return nil
}

// Twelve secrets pass through a pull; none of them is in refract's log at the finest level, in its spans, nor in an error.
func TestSecretsStayOutOfLogs(t *testing.T) {
	for _, name := range []string{"artifact-first-same-platform", "refused-only-artifacts", "missing-marked-artifact"} {
		for _, status := range []int{http.StatusOK, http.StatusForbidden, http.StatusInternalServerError} {
			t.Run(fmt.Sprintf("%s %d", name, status), func(t *testing.T) {
				shape := shapes.ByName(name)
				ctx, node := newNode(t)
				var seen written
				logger := logrus.New()
				logger.SetLevel(logrus.TraceLevel)
				logger.SetReportCaller(true)
				logger.SetOutput(io.Discard)
				logger.AddHook(&seen)
				ctx, spans := traced(log.WithLogger(ctx, logrus.NewEntry(logger)), t)
				server := serve(t, shape, func(w http.ResponseWriter, r *http.Request) bool {
					w.Header().Set("Set-Cookie", "session=canary-04")
					w.Header().Set("X-Secret", "canary-05")
					switch {
					case strings.HasPrefix(r.URL.Path, "/signed/") && status != http.StatusOK:
						w.WriteHeader(status)
						_, _ = w.Write([]byte(`{"errors":[{"code":"canary-07"}]}`))
						return true
					case strings.HasPrefix(r.URL.Path, "/signed/"):
						return false
					case r.Header.Get("Authorization") == "":
						w.Header().Set("WWW-Authenticate", `Basic realm="canary-06"`)
						w.WriteHeader(http.StatusUnauthorized)
						return true
					case strings.Contains(r.URL.Path, "/sha256:") && !strings.HasSuffix(r.URL.Path, shape.Root.Digest.String()):
						http.Redirect(w, r, "/signed/"+r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]+"?signature=canary-08", http.StatusTemporaryRedirect)
						return true
					}
					return false
				})
				headers := http.Header{"X-Meta-Token": {"canary-09"}, "Cookie": {"canary-10"}, "Proxy-Authorization": {"canary-11"}, "X-Api-Key": {"canary-12"}}
				from, err := registry.NewOCIRegistry(ctx, server.name(":latest"), registry.WithDefaultScheme("http"),
					registry.WithCredentials(credentials{}), registry.WithHeaders(headers))
				if err != nil {
					t.Fatal(err)
				}
				service := transfer.New(node.stock, node.db.ContentStore(), fetchAll(), nil)
				err = service.Transfer(ctx, from, image.NewStore(server.name(":latest"), image.WithPlatforms(amd64)))
				if status == http.StatusOK && shape.Output != "" && (err != nil || len(seen.lines) < 2) {
					t.Errorf("error %v, log %v", err, seen.lines)
				}
				told := append(seen.lines, fmt.Sprint(err))
				for _, span := range spans() {
					told = append(told, fmt.Sprint(attributes(span), span.Status, span.Events))
				}
				for _, line := range told {
					if strings.Contains(line, "canary-") {
						t.Errorf("told: %s", line)
					}
				}
			})
		}
	}
}
