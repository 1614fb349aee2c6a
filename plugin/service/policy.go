// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"

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

// Policy is by which policy the node pulls an image.
func (c *Client) Policy(ctx context.Context, image string) (policy.Policy, error) {
	told, err := c.service.Policy(ctx, &refractv1.PolicyRequest{Image: image})
	if err != nil {
		return policy.Policy{}, errgrpc.ToNative(err)
	}
	if len(told.ProtoReflect().GetUnknown()) > 0 {
		return policy.Policy{}, fmt.Errorf("the node's policy has keys that this program does not know: use the one of the node's release: %w", errdefs.ErrFailedPrecondition)
	}
	// By the names of the configuration, so that it is read as strictly.
	read, err := policy.Decode(map[string]any{
		"image_target": told.GetImageTarget(), "references": told.GetReferences(), "types": told.GetTypes(), "max_bytes": told.GetMaxBytes(),
		"max_bytes_total": told.GetMaxBytesTotal(), "platforms": told.GetPlatforms(), "discover": told.GetDiscover(), "deadline": told.GetDeadline(), "max_requests": told.GetMaxRequests(),
		"required": told.GetRequired(), "required_action": told.GetRequiredAction(),
	})
	if err != nil {
		return policy.Policy{}, fmt.Errorf("the node's policy: %w", err)
	}
	return read, nil
}
