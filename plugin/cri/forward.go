// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// forwarder hands calls of any method on to containerd: message by message, without looking into one.
type forwarder struct {
	to    *link
	codec frames
}

// anyStream can be every kind of call; with one message each way it is an ordinary one.
var anyStream = grpc.StreamDesc{ServerStreams: true, ClientStreams: true}

// forward is the handler of every method that nothing else answers. The caller's deadline and cancellation come with the
// context; gRPC itself keeps back the metadata that belongs to one connection.
func (f *forwarder) forward(_ any, caller grpc.ServerStream) error {
	ctx, cancel := context.WithCancel(caller.Context())
	defer cancel()
	method, ok := grpc.MethodFromServerStream(caller)
	if !ok {
		return status.Error(codes.Internal, "a call without a method's name cannot be forwarded")
	}
	if sent, ok := metadata.FromIncomingContext(ctx); ok {
		ctx = metadata.NewOutgoingContext(ctx, sent)
	}
	upstream, err := f.to.NewStream(ctx, &anyStream, method, grpc.ForceCodecV2(f.codec))
	if err != nil {
		return f.explain(err)
	}
	asking := make(chan error, 1)
	go func() {
		failed := f.ask(caller, upstream)
		asking <- failed
		if failed != nil {
			cancel()
		}
	}()
	if err = f.answer(upstream, caller); err == nil {
		return nil
	}
	select {
	case failed := <-asking:
		// What could not be read from the caller is why the call ended, and not what was made of the rest of it.
		if failed != nil {
			return failed
		}
	default:
	}
	return f.explain(err)
}

// ask passes on what the caller sends, and that it has sent all.
func (f *forwarder) ask(caller grpc.ServerStream, upstream grpc.ClientStream) error {
	for {
		var message frame
		err := caller.RecvMsg(&message)
		if errors.Is(err, io.EOF) {
			return upstream.CloseSend()
		}
		if err != nil {
			return err
		}
		if err := upstream.SendMsg(&message); err != nil {
			// The upstream has ended the call: why, its answer says.
			return nil
		}
	}
}

// answer passes on what containerd answers. Metadata go at once: a caller may wait for them before the first message.
func (f *forwarder) answer(upstream grpc.ClientStream, caller grpc.ServerStream) error {
	// Where there are none, the reason comes with the first message.
	if header, err := upstream.Header(); err == nil && header != nil {
		if err := caller.SendHeader(header); err != nil {
			return err
		}
	}
	for {
		var message frame
		if err := upstream.RecvMsg(&message); err != nil {
			caller.SetTrailer(upstream.Trailer())
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := caller.SendMsg(&message); err != nil {
			return err
		}
	}
}

// explain tells what becomes of a call that ended with an error: what containerd answered, or that there is none.
func (f *forwarder) explain(err error) error {
	if status.Code(err) != codes.Unavailable || f.to.open.Load() {
		return err
	}
	return status.Error(codes.Unavailable, absent(f.to.address)+": "+status.Convert(err).Message())
}
