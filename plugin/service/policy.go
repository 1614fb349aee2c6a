// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"fmt"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/refract-oci/refract/plugin/policy"
	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
)

// Option changes a server.
type Option func(*Server)

// WithPolicy has the server tell by which policy its node pulls.
func WithPolicy(p policy.Policy) Option { return func(s *Server) { s.policy = &p } }

// Policy tells by which policy the node pulls an image.
func (s *Server) Policy(ctx context.Context, request *refractv1.PolicyRequest) (*refractv1.PolicyResponse, error) {
	if _, err := namespaced(ctx); err != nil {
		return nil, answered(err)
	}
	if s.policy == nil {
		return nil, answered(fmt.Errorf("this node has no policy: %w", errdefs.ErrNotImplemented))
	}
	if request.GetImage() == "" {
		return nil, answered(fmt.Errorf("the name of an image is missing: %w", errdefs.ErrInvalidArgument))
	}
	chosen, err := s.policy.For(request.GetImage())
	if err != nil {
		return nil, answered(err)
	}
	return newPolicy(chosen), nil
}

func newPolicy(p policy.Policy) *refractv1.PolicyResponse {
	deadline, requests := p.LookupLimits()
	told := &refractv1.PolicyResponse{
		ImageTarget: string(p.ImageTarget), References: string(p.References), Types: p.Types, MaxBytes: p.MaxBytes, MaxBytesTotal: p.FetchLimit(), Platforms: string(p.Platforms),
		Deadline: deadline.String(), MaxRequests: requests, Required: p.Required, RequiredAction: string(p.RequiredAction),
	}
	for _, place := range p.Discover {
		told.Discover = append(told.Discover, string(place))
	}
	return told
}

// Policy is by which policy the node pulls an image. It is ErrNotImplemented where there is no such service, so that there is no policy;
// a service that is older than this method has one, and does not tell it.
func (c *Client) Policy(ctx context.Context, image string) (policy.Policy, error) {
	told, err := c.service.Policy(ctx, &refractv1.PolicyRequest{Image: image})
	if status.Code(err) == codes.Unimplemented && strings.HasPrefix(status.Convert(err).Message(), "unknown method") {
		return policy.Policy{}, fmt.Errorf("the node's service is older than this program and does not tell its policy: restart it from the same release: %w", errdefs.ErrFailedPrecondition)
	}
	if err != nil {
		return policy.Policy{}, errgrpc.ToNative(err)
	}
	if len(told.ProtoReflect().GetUnknown()) > 0 {
		return policy.Policy{}, fmt.Errorf("the node's policy has keys that this program does not know: use the one of the node's release: %w", errdefs.ErrFailedPrecondition)
	}
	// By the names of the configuration, so that it is read as strictly: fields are called as its keys.
	keys := map[string]any{}
	fields := told.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		keys[string(field.Name())] = valueOf(field, told.ProtoReflect().Get(field))
	}
	read, err := policy.Decode(keys)
	if err != nil {
		return policy.Policy{}, fmt.Errorf("the node's policy: %w", err)
	}
	return read, nil
}

// valueOf is a field's value as a configuration has it.
func valueOf(field protoreflect.FieldDescriptor, value protoreflect.Value) any {
	if !field.IsList() {
		return value.Interface()
	}
	list := []any{}
	for i := range value.List().Len() {
		list = append(list, value.List().Get(i).Interface())
	}
	return list
}
