// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package refractd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/refract-oci/refract/plugin/health"
	"github.com/refract-oci/refract/plugin/metrics"
)

// Those who ask for metrics send a line and a few headers.
const (
	headerLimit   = 8 << 10
	requestLimit  = 10 * time.Second
	responseLimit = 30 * time.Second
)

// monitor tells how the daemon does: over gRPC on its own sockets, and over HTTP where an address is configured.
type monitor struct {
	healthy func(context.Context) error
	ready   func(context.Context) error // whether images can be pulled; set before anything is served
	http    *http.Server
}

// register serves grpc.health.v1. refractd is of use while containerd is, and images can be pulled into it.
func (m *monitor) register(server grpc.ServiceRegistrar, client *containerd.Client) {
	answers := health.Containerd(client.HealthService())
	m.healthy = func(ctx context.Context) error {
		if err := answers(ctx); err != nil {
			return err
		}
		if err := m.ready(ctx); err != nil {
			return fmt.Errorf("images cannot be pulled: %w", err)
		}
		return nil
	}
	healthv1.RegisterHealthServer(server, health.New(m.healthy, cri.ImageService_ServiceDesc.ServiceName))
}

// listen opens the configured address for /metrics and /healthz.
func (m *monitor) listen(address string) (served, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return served{}, fmt.Errorf("metrics_address: %w", err)
	}
	m.http = &http.Server{
		Handler:        metrics.Handler(prometheus.DefaultGatherer, m.healthy),
		MaxHeaderBytes: headerLimit, ReadTimeout: requestLimit, WriteTimeout: responseLimit, IdleTimeout: responseLimit,
	}
	return served{name: "http://" + listener.Addr().String() + "/metrics", serve: func() error {
		if err := m.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve %s: %w", listener.Addr(), err)
		}
		return nil
	}}, nil
}

func (m *monitor) close() error {
	if m.http == nil {
		return nil
	}
	return m.http.Close()
}
