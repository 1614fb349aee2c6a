// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// frame is one message as it came over the wire, not looked at.
type frame struct{ bytes mem.BufferSlice }

// frames carries frames as they are. Messages of services that are registered here are decoded as ever.
type frames struct{ messages encoding.CodecV2 }

func newFrames() frames { return frames{messages: encoding.GetCodecV2(proto.Name)} }

// Marshal gives up the frame's buffers: gRPC frees what it has sent.
func (f frames) Marshal(value any) (mem.BufferSlice, error) {
	if raw, ok := value.(*frame); ok {
		return raw.bytes, nil
	}
	return f.messages.Marshal(value)
}

// Unmarshal keeps the buffers beyond the call, after which gRPC frees its own hold on them.
func (f frames) Unmarshal(data mem.BufferSlice, value any) error {
	raw, ok := value.(*frame)
	if !ok {
		return f.messages.Unmarshal(data, value)
	}
	data.Ref()
	raw.bytes = data
	return nil
}

// Name is that of the usual codec: the bytes are its own.
func (frames) Name() string { return proto.Name }
