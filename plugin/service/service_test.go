// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package service_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/refract-oci/refract/plugin/references"
	"github.com/refract-oci/refract/plugin/service"
	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreTopFunction(node.LeftByEvents)) }

// place is a node, and its service behind a connection as any client has it: with gRPC's own limits.
type place struct {
	*node.Node
	t      *testing.T
	ctx    context.Context
	server *service.Server
	raw    refractv1.ReferencesClient
	client *service.Client
}

func newPlace(t *testing.T, options ...service.Option) *place {
	return newPlaceWith(t, nil, options...)
}

// newPlaceWith lets a test put something before the node's events.
func newPlaceWith(t *testing.T, before func(service.Events) service.Events, options ...service.Option) *place {
	t.Helper()
	p := &place{t: t}
	p.ctx, p.Node = node.NewWatched(t)
	var events service.Events = p.Events
	if before != nil {
		events = before(events)
	}
	p.server = service.New(p.Images, p.Content, events, options...)
	server := grpc.NewServer()
	if err := p.server.Register(server); err != nil {
		t.Fatal(err)
	}
	connection := connect(t, server)
	p.raw, p.client = refractv1.NewReferencesClient(connection), service.NewClient(connection)
	return p
}

// connect serves until the test ends.
func connect(t *testing.T, server *grpc.Server) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	connection, err := grpc.NewClient("passthrough:node", grpc.WithTransportCredentials(insecure.NewCredentials()),
		// Windows that do not grow: what is not read has to stay with the server.
		grpc.WithInitialWindowSize(64<<10), grpc.WithInitialConnWindowSize(64<<10),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := connection.Close(); err != nil {
			t.Error(err)
		}
		server.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return connection
}

// pull pulls a shape from a registry that is gone then.
func (p *place) pull(shape shapes.Shape) images.Image {
	p.t.Helper()
	server := node.Serve(p.t, shape)
	image := p.Pull(p.ctx, p.t, node.Name(server, shape))
	if err := server.Close(); err != nil {
		p.t.Fatal(err)
	}
	return image
}

// put writes content of a shape to the node; of all that it has if none is named.
func (p *place) put(shape shapes.Shape, all ...digest.Digest) {
	p.t.Helper()
	for _, d := range all {
		raw := shape.Blobs[d]
		desc := ocispec.Descriptor{MediaType: "application/octet-stream", Digest: d, Size: int64(len(raw))}
		if err := content.WriteBlob(p.ctx, p.Content, d.String(), bytes.NewReader(raw), desc); err != nil {
			p.t.Fatal(err)
		}
	}
}

// record makes an image record of a shape of which the root alone is here.
func (p *place) record(name string, shape shapes.Shape) images.Image {
	p.t.Helper()
	p.put(shape, shape.Root.Digest)
	made, err := p.Images.Create(p.ctx, images.Image{Name: name, Target: ocispec.Descriptor{
		MediaType: shape.Root.MediaType, Digest: shape.Root.Digest, Size: shape.Root.Size,
	}})
	if err != nil {
		p.t.Fatal(err)
	}
	return made
}

// stores answers as the service should.
func (p *place) stores() references.Stores {
	return references.Stores{Images: p.Images, Content: p.Content}
}

// received are all messages of a stream, and how it ended.
func received[Message any](stream grpc.ServerStreamingClient[Message], err error) ([]*Message, error) {
	var all []*Message
	for err == nil {
		var message *Message
		if message, err = stream.Recv(); err == nil {
			all = append(all, message)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return all, err
}

func wantCode(t *testing.T, err error, want codes.Code) {
	t.Helper()
	if status.Code(err) != want {
		t.Errorf("error %v, want code %s", err, want)
	}
}

// calls are all methods, with requests that a node could answer.
func (p *place) calls(image string) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"List": func(ctx context.Context) error {
			_, err := received(p.raw.List(ctx, &refractv1.ListRequest{Image: image}))
			return err
		},
		"Get": func(ctx context.Context) error {
			_, err := received(p.raw.Get(ctx, &refractv1.GetRequest{Image: image}))
			return err
		},
		"Watch": func(ctx context.Context) error {
			_, err := received(p.raw.Watch(ctx, &refractv1.WatchRequest{}))
			return err
		},
		"Images": func(ctx context.Context) error {
			_, err := received(p.raw.Images(ctx, &refractv1.ImagesRequest{Digest: "sha256"}))
			return err
		},
	}
}

func TestWithoutNamespaceNothingIsAnswered(t *testing.T) {
	p := newPlace(t)
	image := p.pull(shapes.ByName("images-first"))
	for name, call := range p.calls(image.Name) {
		t.Run(name, func(t *testing.T) { wantCode(t, call(t.Context()), codes.FailedPrecondition) })
	}
}

func TestOtherNamespaceHasNothingOfIt(t *testing.T) {
	p := newPlace(t)
	shape := shapes.ByName("images-first")
	image := p.pull(shape)
	other := namespaces.WithNamespace(t.Context(), "other")
	calls := p.calls(image.Name)
	wantCode(t, calls["List"](other), codes.NotFound)
	wantCode(t, calls["Get"](other), codes.NotFound)
	for ctx, want := range map[context.Context]bool{p.ctx: true, other: false} {
		uses, err := p.client.Uses(ctx, shape.Root.Digest.String())
		if err != nil || (len(uses.Found) > 0) != want {
			t.Errorf("found %+v, %v", uses, err)
		}
	}
}

func otherNamespace(t *testing.T) context.Context {
	return namespaces.WithNamespace(t.Context(), "other")
}
