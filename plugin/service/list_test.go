// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package service_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/refract-oci/refract/plugin/imagelabels"
	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/references"
	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

// plain leaves of a listing what the service tells, so that listings can be compared.
func plain(listing *references.Listing) *references.Listing {
	descriptor := func(of ocispec.Descriptor) ocispec.Descriptor {
		made := ocispec.Descriptor{MediaType: of.MediaType, Digest: of.Digest, Size: of.Size, ArtifactType: of.ArtifactType}
		if of.Platform != nil {
			platform := *of.Platform
			if len(platform.OSFeatures) == 0 {
				platform.OSFeatures = nil
			}
			made.Platform = &platform
		}
		return made
	}
	made := &references.Listing{
		Image: listing.Image, Target: descriptor(listing.Target), Root: descriptor(listing.Root), UnreadIndexes: listing.UnreadIndexes,
		Notices: listing.Notices,
	}
	for _, reference := range listing.References {
		reference.Descriptor = descriptor(reference.Descriptor)
		reference.Place, reference.Wanted = native.Place{}, false
		made.References = append(made.References, reference)
	}
	for _, line := range listing.Tree {
		line.Descriptor = descriptor(line.Descriptor)
		made.Tree = append(made.Tree, line)
	}
	return made
}

// same holds what the service lists against what the stores have.
func same(t *testing.T, p *place, name string) *references.Listing {
	t.Helper()
	want, err := p.stores().List(p.ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.client.List(p.ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(plain(got), plain(want)) {
		t.Errorf("listed\n%+v\nwant\n%+v", plain(got), plain(want))
	}
	return got
}

// What a pull did not look for is told with the listing, whatever bytes the reason has.
func TestNoticesAreListed(t *testing.T) {
	p := newPlace(t)
	image := p.pull(shapes.ByName("images-first"))
	image.Labels = imagelabels.With(image.Labels, imagelabels.Kept{NotSearched: "sha256-1: no answer in time"})
	if _, err := p.Images.Update(p.ctx, image); err != nil {
		t.Fatal(err)
	}
	if got := same(t, p, image.Name); len(got.Notices) != 1 || !strings.Contains(got.Notices[0], "sha256-1: no answer in time") {
		t.Errorf("notices %q", got.Notices)
	}
}

func TestEveryShapeIsListedAsItsStoresList(t *testing.T) {
	for _, shape := range shapes.EndToEnd() {
		if shape.Output == "" {
			continue // refused: there is nothing to list
		}
		t.Run(shape.Name, func(t *testing.T) {
			p := newPlace(t)
			same(t, p, p.pull(shape).Name)
		})
	}
}

// messages are what List sends, none larger than clients take.
func messages(t *testing.T, p *place, name string) []*refractv1.ListResponse {
	t.Helper()
	all, err := received(p.raw.List(p.ctx, &refractv1.ListRequest{Image: name}))
	if err != nil {
		t.Fatal(err)
	}
	for i, message := range all {
		if size := proto.Size(message); size > 2<<20 {
			t.Errorf("message %d has %d bytes", i, size)
		}
		if (message.GetListing() != nil) != (i == 0) {
			t.Errorf("message %d is %T", i, message.Part)
		}
	}
	return all
}

// An index of nearly 4 MiB that is full of signatures in annotations: more than gRPC's clients take at once, put together.
func TestLargeListingComesInMessagesThatClientsTake(t *testing.T) {
	p := newPlace(t)
	shape := shapes.ByName("multi-platform")
	value := strings.Repeat("c2ln", 15<<10) // 60 KiB, of the 64 that a descriptor's annotations may have
	shape = node.Change(t, shape, func(index *ocispec.Index) {
		for i := range 64 {
			entry := index.Manifests[0]
			entry.Digest = digest.FromString(fmt.Sprint(i))
			const key = "dev.sigstore.cosign/bundle.1"
			entry.Annotations = map[string]string{"org.opencontainers.signatures.index": key, key: value}
			index.Manifests = append(index.Manifests, entry)
		}
	})
	image := p.record("127.0.0.1:1/large:latest", shape)
	listing := same(t, p, image.Name)
	if len(listing.References) != 64 || listing.References[63].Value != value {
		t.Fatalf("%d references", len(listing.References))
	}
	if all := messages(t, p, image.Name); len(all) < 8 {
		t.Errorf("%d messages", len(all))
	}
}

// One media type may fill an index. It is repeated in a listing, and is too large for a message by itself.
func TestWhatIsLargerThanAMessageComesInPieces(t *testing.T) {
	p := newPlace(t)
	shape := shapes.ByName("multi-platform")
	huge := "application/" + strings.Repeat("x", 3<<20)
	entry := node.Blob(shape, ocispec.MediaTypeImageManifest, bytes.Repeat([]byte("y"), 7))
	entry.ArtifactType = huge
	shape = node.Attach(t, shape, entry, node.About(node.Blob(shape, "text/plain", []byte("small")), shape.Selected, "note"))
	image := p.record("127.0.0.1:1/huge:latest", shape)
	listing := same(t, p, image.Name)
	if len(listing.References) != 2 || listing.References[0].Type != huge || listing.References[1].Type != "note" {
		t.Fatalf("%d references", len(listing.References))
	}
	pieces, last := 0, 0
	for _, message := range messages(t, p, image.Name) {
		if piece := message.GetPiece(); piece != nil {
			pieces++
			if piece.GetLast() {
				last++
			}
		}
	}
	if pieces < 6 || last == 0 {
		t.Errorf("%d pieces, %d are the last of something", pieces, last)
	}
}

// As many as an index may have entries.
func TestTenThousandReferences(t *testing.T) {
	p := newPlace(t)
	shape := shapes.ByName("multi-platform")
	attached := 0
	shape = node.Change(t, shape, func(index *ocispec.Index) {
		attached = int(native.DefaultLimits().Entries) - len(index.Manifests)
		for i := range attached {
			index.Manifests = append(index.Manifests, node.About(ocispec.Descriptor{
				MediaType: "text/plain", Digest: digest.FromString(fmt.Sprint(i)), Size: 1,
			}, shape.Selected, "n"))
		}
	})
	image := p.record("127.0.0.1:1/many:latest", shape)
	if listing := same(t, p, image.Name); len(listing.References) != attached {
		t.Errorf("%d references", len(listing.References))
	}
	messages(t, p, image.Name)
}

// An error is the same line, whichever way it comes.
func TestErrorsAreThoseOfTheStores(t *testing.T) {
	p := newPlace(t)
	shape := shapes.ByName("images-first")
	image := p.pull(shape)
	compare := func(what, name string, code codes.Code) {
		t.Helper()
		_, want := p.stores().List(p.ctx, name)
		_, got := p.client.List(p.ctx, name)
		if want == nil || got == nil || got.Error() != want.Error() || strings.Contains(got.Error(), "\n") {
			t.Errorf("%s: error %v, want %v", what, got, want)
		}
		_, err := received(p.raw.List(p.ctx, &refractv1.ListRequest{Image: name}))
		wantCode(t, err, code)
	}
	compare("no such image", "127.0.0.1:1/absent:latest", codes.NotFound)
	p.Spoil(t, shape.Root.Digest, make([]byte, shape.Root.Size))
	compare("spoiled index", image.Name, codes.DataLoss)
	p.Drop(p.ctx, t, shape.Root.Digest)
	compare("index gone", image.Name, codes.NotFound)
	_, err := received(p.raw.List(p.ctx, &refractv1.ListRequest{}))
	wantCode(t, err, codes.InvalidArgument)
}

// There are four turns for listings. Who does not read holds one only as long as nobody else wants it.
func TestWhoDoesNotReadGivesWay(t *testing.T) {
	shape := shapes.ByName("multi-platform")
	var entries []ocispec.Descriptor
	for number := range 3000 {
		entry := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(fmt.Sprint(number)), Size: 1}
		entries = append(entries, node.About(entry, shape.Selected, strings.Repeat("x", 500)))
	}
	p := newPlace(t)
	image := p.pull(node.Attach(t, shape, entries...))
	var unread []grpc.ServerStreamingClient[refractv1.ListResponse]
	for range 4 {
		stream, err := p.raw.List(p.ctx, &refractv1.ListRequest{Image: image.Name})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Header(); err != nil {
			t.Fatal(err)
		}
		unread = append(unread, stream)
	}
	if listing, err := p.client.List(p.ctx, image.Name); err != nil || len(listing.References) != len(entries) {
		t.Fatalf("%v, error %v", listing, err)
	}
	aborted := 0
	for _, stream := range unread {
		for {
			_, err := stream.Recv()
			if status.Code(err) == codes.Aborted {
				aborted++
			} else if err != nil && !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			if err != nil {
				break
			}
		}
	}
	// The others went on when they were read.
	if aborted != 1 {
		t.Errorf("%d of %d were aborted, want one", aborted, len(unread))
	}
}
