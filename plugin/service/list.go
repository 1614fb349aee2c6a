// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/refract-oci/refract/plugin/references"
	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
	"github.com/refract-oci/refract/plugin/turns"
)

// messageBytes is about how large a message gets. gRPC's clients refuse more than 4 MiB unless they are told otherwise, and
// many small messages would only cost time.
const messageBytes = 512 << 10

// List sends a listing in parts.
func (s *Server) List(request *refractv1.ListRequest, stream grpc.ServerStreamingServer[refractv1.ListResponse]) error {
	ctx, err := namespaced(stream.Context())
	if err != nil {
		return answered(err)
	}
	return answered(holding(ctx, s.reads, func(turn *turns.Turn) error {
		listing, err := s.list(ctx, request.GetImage())
		if err != nil {
			return err
		}
		return sendListing(listing, patiently(turn, stream.Send))
	}))
}

func sendListing(listing *references.Listing, send func(*refractv1.ListResponse) error) error {
	if err := send(&refractv1.ListResponse{Part: &refractv1.ListResponse_Listing{Listing: newListing(listing)}}); err != nil {
		return err
	}
	parts := &parts{send: send, gathered: &refractv1.Attached{}}
	for _, reference := range listing.References {
		made := newReference(reference)
		if err := parts.add(proto.Size(made), func(to *refractv1.Attached) { to.References = append(to.References, made) }); err != nil {
			return err
		}
	}
	for _, node := range listing.Tree {
		made := newNode(node)
		if err := parts.add(proto.Size(made), func(to *refractv1.Attached) { to.Tree = append(to.Tree, made) }); err != nil {
			return err
		}
	}
	return parts.flush()
}

// parts gathers what belongs into one message.
type parts struct {
	send     func(*refractv1.ListResponse) error
	gathered *refractv1.Attached
	bytes    int
}

// add takes one more thing of that size. What is already there is sent first if both would be too much.
func (p *parts) add(bytes int, put func(*refractv1.Attached)) error {
	if p.bytes > 0 && p.bytes+bytes > messageBytes {
		if err := p.flush(); err != nil {
			return err
		}
	}
	put(p.gathered)
	p.bytes += bytes
	return nil
}

// flush sends what was gathered. A single thing may be too large for a message: a media type can fill an index.
func (p *parts) flush() error {
	attached := p.gathered
	p.gathered, p.bytes = &refractv1.Attached{}, 0
	if size := proto.Size(attached); size == 0 {
		return nil
	} else if size <= 2*messageBytes {
		return p.send(&refractv1.ListResponse{Part: &refractv1.ListResponse_Attached{Attached: attached}})
	}
	encoded, err := proto.Marshal(attached)
	if err != nil {
		return err
	}
	for len(encoded) > 0 {
		piece := encoded[:min(len(encoded), messageBytes)]
		encoded = encoded[len(piece):]
		sent := &refractv1.Piece{Bytes: piece, Last: len(encoded) == 0}
		if err := p.send(&refractv1.ListResponse{Part: &refractv1.ListResponse_Piece{Piece: sent}}); err != nil {
			return err
		}
	}
	return nil
}
