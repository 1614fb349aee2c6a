// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// future is a method that no release has yet.
const future = "/runtime.v9.Things/Stream"

func open(t *testing.T, ctx context.Context, conn *grpc.ClientConn) grpc.ClientStream {
	t.Helper()
	stream, err := conn.NewStream(ctx, &anyStream, future, grpc.ForceCodecV2(newFrames()))
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func send(stream grpc.Stream, text []byte) error {
	return stream.SendMsg(&frame{bytes: mem.BufferSlice{mem.SliceBuffer(text)}})
}

func receive(stream grpc.Stream) ([]byte, error) {
	var message frame
	if err := stream.RecvMsg(&message); err != nil {
		return nil, err
	}
	defer message.bytes.Free()
	return message.bytes.Materialize(), nil
}

// Bytes that are no message of any kind arrive as they are, in both directions and in turns; the end of one is not the end of
// the other; metadata go before the first message, trailers after the last.
func TestForwardsStreamsOfTheFuture(t *testing.T) {
	up := newUpstream(t)
	up.unknown = func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		sent, _ := metadata.FromIncomingContext(stream.Context())
		if err := stream.SendHeader(metadata.Pairs("x-method", method, "x-back", strings.Join(sent["x-there"], "+"), "x-back-bin", sent["x-there-bin"][0])); err != nil {
			return err
		}
		count := 0
		for ; ; count++ {
			text, err := receive(stream)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			if err := send(stream, append([]byte("echo "), text...)); err != nil {
				return err
			}
		}
		stream.SetTrailer(metadata.Pairs("x-count", fmt.Sprint(count)))
		return send(stream, []byte("last"))
	}
	_, conn := serve(t, up.address, Settings{})
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-there", "1", "x-there", "2", "x-there-bin", "\x00\xff")
	stream := open(t, ctx, conn)
	header, err := stream.Header()
	if err != nil || !slices.Equal(header["x-back"], []string{"1+2"}) || header["x-back-bin"][0] != "\x00\xff" || header["x-method"][0] != future {
		t.Fatalf("metadata %v, %v", header, err)
	}
	for _, text := range []string{"\xff\xfe no message", "", "2"} {
		if err := send(stream, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := receive(stream); err != nil || string(got) != "echo "+text {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if got, err := receive(stream); err != nil || string(got) != "last" {
		t.Fatalf("%q, %v", got, err)
	}
	if _, err := receive(stream); !errors.Is(err, io.EOF) || stream.Trailer()["x-count"][0] != "3" {
		t.Errorf("ended with %v, trailers %v", err, stream.Trailer())
	}
}

func TestForwardsStatusWithDetailsAndTrailers(t *testing.T) {
	up := newUpstream(t)
	for _, after := range []int{0, 1} {
		up.unknown = func(_ any, stream grpc.ServerStream) error {
			for range after {
				if err := send(stream, []byte("one")); err != nil {
					return err
				}
			}
			stream.SetTrailer(metadata.Pairs("x-why", "because"))
			failed, err := status.New(codes.DataLoss, "of the future").WithDetails(&cri.VersionRequest{Version: "detail"})
			if err != nil {
				return err
			}
			return failed.Err()
		}
		_, conn := serve(t, up.address, Settings{})
		stream := open(t, t.Context(), conn)
		for range after {
			if _, err := receive(stream); err != nil {
				t.Fatal(err)
			}
		}
		_, err := receive(stream)
		got := status.Convert(err)
		if got.Code() != codes.DataLoss || got.Message() != "of the future" || stream.Trailer()["x-why"][0] != "because" {
			t.Errorf("after %d messages: %v, trailers %v", after, err, stream.Trailer())
		}
		if details := got.Details(); len(details) != 1 || !proto.Equal(details[0].(proto.Message), &cri.VersionRequest{Version: "detail"}) {
			t.Errorf("details %v", got.Details())
		}
	}
}

// The upstream has the caller's deadline, and learns at once that the caller has gone.
func TestForwardsDeadlineAndCancellation(t *testing.T) {
	up := newUpstream(t)
	deadlines, ended := make(chan time.Time, 1), make(chan error, 1)
	up.unknown = func(_ any, stream grpc.ServerStream) error {
		deadline, _ := stream.Context().Deadline()
		deadlines <- deadline
		<-stream.Context().Done()
		ended <- stream.Context().Err()
		return stream.Context().Err()
	}
	_, conn := serve(t, up.address, Settings{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	stream := open(t, ctx, conn)
	want, _ := ctx.Deadline()
	if got := <-deadlines; got.Sub(want).Abs() > time.Minute {
		t.Errorf("deadline %s, want %s", got, want)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("upstream ended with %v", err)
	}
	if _, err := receive(stream); status.Code(err) != codes.Canceled {
		t.Errorf("the caller got %v", err)
	}
}

// Messages of 16 MiB pass both ways, as in containerd and in kubelet; larger ones do not, and the error says so.
func TestForwardsMessagesUpToTheLimit(t *testing.T) {
	const limit = 16 << 20
	up := newUpstream(t)
	more := 0
	up.unknown = func(_ any, stream grpc.ServerStream) error {
		text, err := receive(stream)
		if err != nil {
			return err
		}
		return send(stream, append(text, make([]byte, more)...))
	}
	_, conn := serve(t, up.address, Settings{})
	call := func(size int) ([]byte, error) {
		stream := open(t, t.Context(), conn)
		if err := send(stream, bytes.Repeat([]byte("x"), size)); err != nil {
			return nil, err
		}
		return receive(stream)
	}
	if got, err := call(limit); err != nil || len(got) != limit {
		t.Errorf("%d bytes came back as %d: %v", limit, len(got), err)
	}
	if _, err := call(limit + 1); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("%d bytes: %v", limit+1, err)
	}
	more = 1
	if _, err := call(limit); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("%d bytes back: %v", limit+1, err)
	}
}

// Of the image service only PullImage is ours.
func TestForwardsAllButPullImage(t *testing.T) {
	up := newUpstream(t)
	_, conn := serve(t, up.address, Settings{})
	images := cri.NewImageServiceClient(conn)
	got, err := images.ImageStatus(t.Context(), &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: "one"}})
	if err != nil || got.Image.Id != "of one" {
		t.Errorf("status %v, %v", got, err)
	}
	if _, err := images.RemoveImage(t.Context(), &cri.RemoveImageRequest{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("what containerd does not implement: %v", err)
	}
	_, err = images.PullImage(t.Context(), &cri.PullImageRequest{Image: &cri.ImageSpec{Image: "UPPER"}})
	if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "UPPER") {
		t.Errorf("pull of a name that is none: %v", err)
	}
}

// Without containerd, errors name its socket, of calls that are handed on as of pulls; when it is there, everything works.
func TestContainerdComesAndGoes(t *testing.T) {
	up := newUpstream(t)
	up.stop()
	_, conn := serve(t, up.address, Settings{})
	images := cri.NewImageServiceClient(conn)
	asked := &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: "one"}}
	absent := func() {
		t.Helper()
		_, statusErr := images.ImageStatus(t.Context(), asked)
		_, pullErr := images.PullImage(t.Context(), &cri.PullImageRequest{Image: &cri.ImageSpec{Image: "one"}})
		for _, err := range []error{statusErr, pullErr} {
			if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), up.address) {
				t.Errorf("error %v does not name %s", err, up.address)
			}
		}
	}
	absent()
	up.start(t)
	if _, err := images.ImageStatus(t.Context(), asked, grpc.WaitForReady(true)); err != nil && status.Code(err) != codes.Unavailable {
		t.Fatal(err)
	}
	poll(t, func() error { _, err := images.ImageStatus(t.Context(), asked); return err })
	up.stop()
	absent()
}
