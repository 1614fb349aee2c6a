// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// frame is one message as received, not decoded.
type frame struct{ bytes mem.BufferSlice }

// frames passes frames through unchanged. Messages of services that are registered here are decoded as usual.
type frames struct{ messages encoding.CodecV2 }

func newFrames() frames { return frames{messages: encoding.GetCodecV2(proto.Name)} }

// Marshal gives up the frame's buffers: gRPC frees them once sent.
func (f frames) Marshal(value any) (mem.BufferSlice, error) {
	if raw, ok := value.(*frame); ok {
		return raw.bytes, nil
	}
	return f.messages.Marshal(value)
}

// Unmarshal holds a reference to the buffers, because gRPC releases its own after the call.
func (f frames) Unmarshal(data mem.BufferSlice, value any) error {
	raw, ok := value.(*frame)
	if !ok {
		return f.messages.Unmarshal(data, value)
	}
	data.Ref()
	raw.bytes = data
	return nil
}

// Name is the name of the usual codec, because the bytes are the same.
func (frames) Name() string { return proto.Name }
