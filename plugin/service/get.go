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
	"strings"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	"google.golang.org/grpc"

	"github.com/refract-oci/refract/plugin/references"
	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
	"github.com/refract-oci/refract/plugin/turns"
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
	// What is sent does not hold on to what was read to find it.
	var found sought
	err := holding(ctx, s.reads, func(*turns.Turn) (err error) {
		found, err = s.find(ctx, request)
		return err
	})
	if err != nil {
		return err
	}
	return holding(ctx, s.contents, func(turn *turns.Turn) error {
		send := patiently(turn, send)
		header := &refractv1.Content{Blob: newDescriptor(found.layer.Descriptor), Title: found.layer.Title, Reference: found.reference.String()}
		if err := send(&refractv1.GetResponse{Part: &refractv1.GetResponse_Content{Content: header}}); err != nil {
			return err
		}
		out := bufio.NewWriterSize(chunks(send), chunkBytes)
		if err := found.layer.Write(ctx, s.content, out); err != nil {
			return absent(request.GetImage(), found.reference, err)
		}
		return out.Flush()
	})
}

// sought is what is to be sent.
type sought struct {
	reference digest.Digest
	layer     references.Layer
}

func (s *Server) find(ctx context.Context, request *refractv1.GetRequest) (sought, error) {
	listing, err := s.list(ctx, request.GetImage())
	if err != nil {
		return sought{}, err
	}
	reference, err := findOne(listing, references.Query{Name: request.GetName(), Type: request.GetType()})
	if err != nil {
		return sought{}, err
	}
	artifact, err := references.Open(ctx, s.content, reference)
	if err != nil {
		return sought{}, absent(request.GetImage(), reference.Descriptor.Digest, err)
	}
	layer, err := chosen(request, artifact)
	return sought{digest.Digest(strings.Clone(string(reference.Descriptor.Digest))), layer}, err
}

// absent says what to do about what the node does not have. Other errors stay as they are.
func absent(image string, reference digest.Digest, err error) error {
	if !errdefs.IsNotFound(err) {
		return err
	}
	return fmt.Errorf("image %q: reference %s is not on this node as a whole, fetch it first (ctr-refract references fetch): %w", image, reference, err)
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

// chosen is what is asked for of an artifact. Its manifest is read from the store again while it is sent.
func chosen(request *refractv1.GetRequest, artifact *references.Artifact) (references.Layer, error) {
	of := artifact.Reference.Descriptor
	if request.GetManifest() {
		if artifact.Manifest == nil {
			return references.Layer{}, fmt.Errorf("%q has no manifest, it is a plain blob or an annotation: %w",
				cmp.Or(of.Digest.String(), artifact.Reference.Annotation), errdefs.ErrFailedPrecondition)
		}
		return references.Layer{Descriptor: of}.Clone(), nil
	}
	switch name := request.GetLayer(); {
	case name != "":
		layer, err := artifact.Layer(name)
		return layer.Clone(), err
	case len(artifact.Layers) == 1:
		return artifact.Layers[0].Clone(), nil
	default:
		return references.Layer{}, fmt.Errorf("%s has %d layers, ask for one of them or for the manifest: %w", of.Digest, len(artifact.Layers), errUnchosen)
	}
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
