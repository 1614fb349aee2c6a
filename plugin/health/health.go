// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package health serves grpc.health.v1 for a daemon that only works while containerd responds.
package health

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

const (
	// checkTimeout bounds one check, so that a containerd that hangs counts as one that is not there.
	checkTimeout = 5 * time.Second
	// watchInterval is how often a watched status is checked again.
	watchInterval = 10 * time.Second
)

// Containerd is a check that asks containerd's own health service.
func Containerd(client healthv1.HealthClient) func(context.Context) error {
	return func(ctx context.Context) error {
		answer, err := client.Check(ctx, &healthv1.HealthCheckRequest{})
		if err != nil {
			return fmt.Errorf("containerd does not answer: %w", err)
		}
		if answer.Status != healthv1.HealthCheckResponse_SERVING {
			return fmt.Errorf("containerd says that it is %s: %w", answer.Status, errdefs.ErrUnavailable)
		}
		return nil
	}
}

// server implements the protocol over one check.
type server struct {
	healthv1.UnimplementedHealthServer
	check    func(context.Context) error
	services []string
	interval time.Duration
}

// New serves the health of the daemon as a whole (the empty name) and of the named services. All have the status of the check.
// Every request runs the check, so that no result is out of date.
func New(check func(context.Context) error, services ...string) healthv1.HealthServer {
	return &server{check: check, services: append([]string{""}, services...), interval: watchInterval}
}

func (s *server) status(ctx context.Context) healthv1.HealthCheckResponse_ServingStatus {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if s.check(ctx) != nil {
		return healthv1.HealthCheckResponse_NOT_SERVING
	}
	return healthv1.HealthCheckResponse_SERVING
}

// Check returns the status of one service.
func (s *server) Check(ctx context.Context, request *healthv1.HealthCheckRequest) (*healthv1.HealthCheckResponse, error) {
	if !slices.Contains(s.services, request.Service) {
		return nil, status.Errorf(codes.NotFound, "service %q is not served here", request.Service)
	}
	return &healthv1.HealthCheckResponse{Status: s.status(ctx)}, nil
}

// List returns the status of all services.
func (s *server) List(ctx context.Context, _ *healthv1.HealthListRequest) (*healthv1.HealthListResponse, error) {
	now := s.status(ctx)
	all := map[string]*healthv1.HealthCheckResponse{}
	for _, service := range s.services {
		all[service] = &healthv1.HealthCheckResponse{Status: now}
	}
	return &healthv1.HealthListResponse{Statuses: all}, nil
}

// Watch sends the status, and sends it again whenever it changes, until the caller ends the call.
func (s *server) Watch(request *healthv1.HealthCheckRequest, to grpc.ServerStreamingServer[healthv1.HealthCheckResponse]) error {
	ticker := time.NewTicker(s.interval)
	defer ticker.Stop()
	told := healthv1.HealthCheckResponse_UNKNOWN
	for {
		// The protocol wants an unknown service to be watched too: it may be added later.
		now := healthv1.HealthCheckResponse_SERVICE_UNKNOWN
		if slices.Contains(s.services, request.Service) {
			now = s.status(to.Context())
		}
		if to.Context().Err() == nil && now != told {
			if err := to.Send(&healthv1.HealthCheckResponse{Status: now}); err != nil {
				return err
			}
			told = now
		}
		select {
		case <-to.Context().Done():
			return status.FromContextError(to.Context().Err()).Err()
		case <-ticker.C:
		}
	}
}
