// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"google.golang.org/grpc"

	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
	"github.com/refract-oci/refract/plugin/turns"
)

// Images finds the images that a digest belongs to.
func (s *Server) Images(request *refractv1.ImagesRequest, stream grpc.ServerStreamingServer[refractv1.ImagesResponse]) error {
	ctx, err := namespaced(stream.Context())
	if err != nil {
		return answered(err)
	}
	return answered(holding(ctx, s.reads, func(turn *turns.Turn) error {
		uses, err := s.stores.Uses(ctx, request.GetDigest())
		if err != nil {
			return err
		}
		send := patiently(turn, stream.Send)
		for _, use := range uses.Found {
			if err := send(&refractv1.ImagesResponse{Result: &refractv1.ImagesResponse_Use{Use: newUse(use)}}); err != nil {
				return err
			}
		}
		for _, failure := range uses.Failures {
			told := &refractv1.Failure{Image: failure.Image, Error: lineOf(failure.Err)}
			if err := send(&refractv1.ImagesResponse{Result: &refractv1.ImagesResponse_Failure{Failure: told}}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// lineOf is an error as a message can carry it.
func lineOf(err error) string { return valid(err.Error()) }
