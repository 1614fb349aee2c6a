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

// forwarder forwards calls of any method to containerd, message by message, without decoding any.
type forwarder struct {
	to    *link
	codec frames
}

// anyStream fits every kind of call: a unary call has one message each way.
var anyStream = grpc.StreamDesc{ServerStreams: true, ClientStreams: true}

// forward handles every method that has no other handler. The caller's deadline and cancellation are in the context. gRPC
// itself drops the metadata that belongs to one connection.
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
		// If reading from the caller failed, that is why the call ended. The upstream's status is only a consequence.
		if failed != nil {
			return failed
		}
	default:
	}
	return f.explain(err)
}

// ask forwards the caller's messages and the end of its stream.
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
			// The upstream has ended the call: its response says why.
			return nil
		}
	}
}

// answer forwards containerd's response. Headers are sent at once: a caller may wait for them before the first message.
func (f *forwarder) answer(upstream grpc.ClientStream, caller grpc.ServerStream) error {
	// If there are none, the reason comes with the first message.
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

// explain turns the error of a call into what the caller gets: containerd's status, or that containerd is not there.
func (f *forwarder) explain(err error) error {
	if status.Code(err) != codes.Unavailable || f.to.open() {
		return err
	}
	return status.Error(codes.Unavailable, absent(f.to.address)+": "+status.Convert(err).Message())
}
