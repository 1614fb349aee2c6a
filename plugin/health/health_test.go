// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

const (
	serving    = healthv1.HealthCheckResponse_SERVING
	notServing = healthv1.HealthCheckResponse_NOT_SERVING
	unknown    = healthv1.HealthCheckResponse_SERVICE_UNKNOWN
)

func serve(t *testing.T, server healthv1.HealthServer) *grpc.ClientConn {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "socket")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	daemon := grpc.NewServer()
	healthv1.RegisterHealthServer(daemon, server)
	ended := make(chan error, 1)
	go func() { ended <- daemon.Serve(listener) }()
	connection, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		connection.Close()
		daemon.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return connection
}

func TestHealthIsWhatTheCheckSays(t *testing.T) {
	var broken atomic.Bool
	client := healthv1.NewHealthClient(serve(t, New(func(context.Context) error {
		if broken.Load() {
			return errors.New("gone")
		}
		return nil
	}, "refract.v1.References")))
	for _, want := range []healthv1.HealthCheckResponse_ServingStatus{serving, notServing, serving} {
		broken.Store(want == notServing)
		for _, service := range []string{"", "refract.v1.References"} {
			answer, err := client.Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
			if err != nil || answer.Status != want {
				t.Errorf("service %q is %v, %v, want %v", service, answer, err, want)
			}
		}
		all, err := client.List(t.Context(), &healthv1.HealthListRequest{})
		if err != nil || len(all.Statuses) != 2 || all.Statuses["refract.v1.References"].GetStatus() != want {
			t.Errorf("list %v, %v", all, err)
		}
	}
	if _, err := client.Check(t.Context(), &healthv1.HealthCheckRequest{Service: "other"}); status.Code(err) != codes.NotFound {
		t.Errorf("another service: %v", err)
	}
}

func TestWatchTellsOfChanges(t *testing.T) {
	var broken atomic.Bool
	watched := &server{services: []string{""}, interval: time.Millisecond, check: func(context.Context) error {
		if broken.Load() {
			return errors.New("gone")
		}
		return nil
	}}
	client := healthv1.NewHealthClient(serve(t, watched))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := client.Watch(ctx, &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []healthv1.HealthCheckResponse_ServingStatus{serving, notServing, serving} {
		broken.Store(want == notServing)
		answer, err := stream.Recv()
		if err != nil || answer.Status != want {
			t.Fatalf("%v, %v, want %v", answer, err, want)
		}
	}
	cancel()
	if _, err := stream.Recv(); status.Code(err) != codes.Canceled {
		t.Errorf("after the end: %v", err)
	}
	other, err := client.Watch(t.Context(), &healthv1.HealthCheckRequest{Service: "other"})
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := other.Recv(); err != nil || answer.Status != unknown {
		t.Errorf("another service: %v, %v", answer, err)
	}
}

func TestContainerdIsAsked(t *testing.T) {
	var broken atomic.Bool
	check := Containerd(healthv1.NewHealthClient(serve(t, New(func(context.Context) error {
		if broken.Load() {
			return errors.New("gone")
		}
		return nil
	}))))
	if err := check(t.Context()); err != nil {
		t.Error(err)
	}
	broken.Store(true)
	if err := check(t.Context()); err == nil || err.Error() != "containerd says that it is NOT_SERVING: unavailable" {
		t.Errorf("%v", err)
	}
	nobody, err := grpc.NewClient("unix://"+filepath.Join(t.TempDir(), "none"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer nobody.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := Containerd(healthv1.NewHealthClient(nobody))(ctx); err == nil {
		t.Error("nobody answers, and that is called healthy")
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
