// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	introspection "github.com/containerd/containerd/api/services/introspection/v1"
	leasesapi "github.com/containerd/containerd/api/services/leases/v1"
	"github.com/containerd/containerd/v2/pkg/filters"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// upstream is a containerd that does what a real one would not: methods of the future, services that are missing.
type upstream struct {
	cri.UnimplementedImageServiceServer
	introspection.UnimplementedIntrospectionServer
	leasesapi.UnimplementedLeasesServer

	address string
	server  *grpc.Server
	unknown grpc.StreamHandler

	mu      sync.Mutex
	plugins []*introspection.Plugin
	process func() (*introspection.ServerResponse, error) // nil: a method that is not there
	asked   []string
	leases  map[string]*leasesapi.Lease
}

// socket is a path that is short enough for one.
func socket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cri-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "s")
}

func newUpstream(t *testing.T) *upstream {
	u := &upstream{address: socket(t), plugins: complete(), leases: map[string]*leasesapi.Lease{}}
	u.start(t)
	t.Cleanup(u.stop)
	return u
}

func (u *upstream) start(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("unix", u.address)
	if err != nil {
		t.Fatal(err)
	}
	codec := newFrames()
	server := grpc.NewServer(grpc.ForceServerCodecV2(codec), grpc.UnknownServiceHandler(func(srv any, stream grpc.ServerStream) error {
		return u.unknown(srv, stream)
	}), grpc.MaxRecvMsgSize(64<<20), grpc.MaxSendMsgSize(64<<20))
	cri.RegisterImageServiceServer(server, u)
	introspection.RegisterIntrospectionServer(server, u)
	leasesapi.RegisterLeasesServer(server, u)
	u.server = server
	go func() { _ = server.Serve(listener) }() // ends with stop
}

func (u *upstream) stop() { u.server.Stop() }

func (u *upstream) ImageStatus(_ context.Context, request *cri.ImageStatusRequest) (*cri.ImageStatusResponse, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.asked = append(u.asked, request.Image.Image)
	return &cri.ImageStatusResponse{Image: &cri.Image{Id: "of " + request.Image.Image}}, nil
}

func (u *upstream) PullImage(context.Context, *cri.PullImageRequest) (*cri.PullImageResponse, error) {
	return nil, errors.New("PullImage was forwarded")
}

func (u *upstream) Plugins(context.Context, *introspection.PluginsRequest) (*introspection.PluginsResponse, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return &introspection.PluginsResponse{Plugins: u.plugins}, nil
}

func (u *upstream) Server(ctx context.Context, _ *emptypb.Empty) (*introspection.ServerResponse, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.process == nil {
		return u.UnimplementedIntrospectionServer.Server(ctx, nil)
	}
	return u.process()
}

func (u *upstream) List(_ context.Context, request *leasesapi.ListRequest) (*leasesapi.ListResponse, error) {
	wanted, err := filters.ParseAll(request.Filters...)
	if err != nil {
		return nil, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	var all leasesapi.ListResponse
	for _, lease := range u.leases {
		if wanted.Match(filters.AdapterFunc(func(path []string) (string, bool) {
			value, ok := lease.Labels[path[len(path)-1]]
			return value, ok && path[0] == "labels"
		})) {
			all.Leases = append(all.Leases, lease)
		}
	}
	return &all, nil
}

func (u *upstream) Delete(_ context.Context, request *leasesapi.DeleteRequest) (*emptypb.Empty, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.leases, request.ID)
	return &emptypb.Empty{}, nil
}

// complete are the plugins that pulls need.
func complete() []*introspection.Plugin {
	plugins := []*introspection.Plugin{{Type: "io.containerd.snapshotter.v1", ID: "overlayfs"}, {Type: "io.containerd.snapshotter.v1", ID: "native"}}
	for _, service := range needed {
		plugins = append(plugins, &introspection.Plugin{Type: "io.containerd.grpc.v1", ID: service})
	}
	return plugins
}

// serve puts a service in front of a containerd, and gives a connection to it.
func serve(t *testing.T, address string, settings Settings) (*Service, *grpc.ClientConn) {
	t.Helper()
	if settings.Snapshotter == "" {
		settings.Snapshotter = "overlayfs"
	}
	service, err := New(address, settings)
	if err != nil {
		t.Fatal(err)
	}
	own := socket(t)
	listener, err := net.Listen("unix", own)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- service.Serve(listener) }()
	conn, err := grpc.NewClient("unix://"+own, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20), grpc.MaxCallSendMsgSize(64<<20)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(conn.Close(), service.Stop(), <-served); err != nil {
			t.Error(err)
		}
	})
	return service, conn
}
