// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/containerd/errdefs"
	"google.golang.org/grpc"

	"github.com/refract-oci/refract/plugin/references"
	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
)

// chunkBytes is how much content a message holds.
const chunkBytes = 256 << 10

// errUnchosen is why nothing is sent: it is not clear what.
var errUnchosen = errors.New("it is not said which")

// Get sends one layer of a reference, or its manifest.
func (s *Server) Get(request *refractv1.GetRequest, stream grpc.ServerStreamingServer[refractv1.GetResponse]) error {
	ctx, err := namespaced(stream.Context())
	if err != nil {
		return answered(err)
	}
	return answered(s.get(ctx, request, stream.Send))
}

func (s *Server) get(ctx context.Context, request *refractv1.GetRequest, send func(*refractv1.GetResponse) error) error {
	listing, err := s.list(ctx, request.GetImage())
	if err != nil {
		return err
	}
	reference, err := findOne(listing, references.Query{Name: request.GetName(), Type: request.GetType()})
	if err != nil {
		return err
	}
	artifact, err := references.Open(ctx, s.content, reference)
	if err != nil {
		return absent(listing, reference, err)
	}
	layer, write, err := s.chosen(ctx, request, artifact)
	if err != nil {
		return err
	}
	header := &refractv1.Content{Blob: newDescriptor(layer.Descriptor), Title: layer.Title, Reference: reference.Descriptor.Digest.String()}
	if err := send(&refractv1.GetResponse{Part: &refractv1.GetResponse_Content{Content: header}}); err != nil {
		return err
	}
	out := bufio.NewWriterSize(chunks(send), chunkBytes)
	if err := write(out); err != nil {
		return absent(listing, reference, err)
	}
	return out.Flush()
}

// absent says what to do about what the node does not have. Other errors stay as they are.
func absent(listing *references.Listing, reference references.Reference, err error) error {
	if !errdefs.IsNotFound(err) {
		return err
	}
	return fmt.Errorf("image %q: reference %s is not on this node as a whole, fetch it first (ctr-refract references fetch): %w",
		listing.Image, reference.Descriptor.Digest, err)
}

func findOne(listing *references.Listing, asked references.Query) (references.Reference, error) {
	found := references.Distinct(listing.Find(asked))
	switch {
	case listing.Root.Digest == "":
		return references.Reference{}, fmt.Errorf("image %q: nothing is attached to it here, this node knows of no index that it is from: %w", listing.Image, errdefs.ErrNotFound)
	case len(found) == 0:
		return references.Reference{}, fmt.Errorf("image %q: no reference has the name %q and the type %q: %w", listing.Image, asked.Name, asked.Type, errdefs.ErrNotFound)
	case len(found) > 1:
		return references.Reference{}, fmt.Errorf("image %q: %d match, name one by its digest: %w", listing.Image, len(found), references.ErrSeveral)
	}
	return found[0], nil
}

// chosen is what is asked for of an artifact, and what writes it.
func (s *Server) chosen(ctx context.Context, request *refractv1.GetRequest, artifact *references.Artifact) (references.Layer, func(io.Writer) error, error) {
	of := artifact.Reference.Descriptor
	if request.GetManifest() {
		if artifact.Manifest == nil {
			return references.Layer{}, nil, fmt.Errorf("%q has no manifest, it is a plain blob or an annotation: %w",
				cmp.Or(of.Digest.String(), artifact.Reference.Annotation), errdefs.ErrFailedPrecondition)
		}
		return references.Layer{Descriptor: of}, func(to io.Writer) error {
			_, err := io.Copy(to, bytes.NewReader(artifact.Manifest))
			return err
		}, nil
	}
	var layer references.Layer
	switch name := request.GetLayer(); {
	case name != "":
		var err error
		if layer, err = artifact.Layer(name); err != nil {
			return references.Layer{}, nil, err
		}
	case len(artifact.Layers) == 1:
		layer = artifact.Layers[0]
	default:
		return references.Layer{}, nil, fmt.Errorf("%s has %d layers, ask for one of them or for the manifest: %w", of.Digest, len(artifact.Layers), errUnchosen)
	}
	return layer, func(to io.Writer) error { return layer.Write(ctx, s.content, to) }, nil
}

// chunks sends what is written to it.
type chunks func(*refractv1.GetResponse) error

// Write keeps no hold on the bytes: gRPC may look at a message when it was sent.
func (c chunks) Write(content []byte) (int, error) {
	for rest := content; len(rest) > 0; {
		chunk := bytes.Clone(rest[:min(len(rest), chunkBytes)])
		rest = rest[len(chunk):]
		if err := c(&refractv1.GetResponse{Part: &refractv1.GetResponse_Chunk{Chunk: chunk}}); err != nil {
			return 0, err
		}
	}
	return len(content), nil
}
