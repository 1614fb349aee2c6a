// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
)

var amd64 = ocispec.Platform{OS: "linux", Architecture: "amd64"}

// Case is one thing that is measured on an index.
type Case struct {
	Name string
	Run  func(b *testing.B, index Index)
}

// The cases. Digest is what Select holds too (Go's and OpenSSL's are equally fast): the difference is what reading, checking
// and selecting take, the crossing into C++ and back included.
var (
	Select     = Case{"refract select, reused walk", benchmarkSelect}
	Fresh      = Case{"refract select, fresh walk", benchmarkFresh}
	References = Case{"refract whole pull, references copied to Go", benchmarkReferences}
	Digest     = Case{"SHA-256 alone", benchmarkDigest}
	Containerd = Case{"containerd's handlers", benchmarkContainerd}
)

// Cases lists all of them.
func Cases() []Case { return []Case{Select, Fresh, References, Digest, Containerd} }

func newRequest(b *testing.B) *native.Request {
	b.Helper()
	request, err := native.NewRequest(native.RequestOptions{Platforms: []ocispec.Platform{amd64}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(request.Close)
	return request
}

func newWalk(b *testing.B, request *native.Request) *native.Walk {
	b.Helper()
	walk, err := native.NewWalk(request)
	if err != nil {
		b.Fatal(err)
	}
	return walk
}

// begin takes an index as far as its bytes alone lead: to the manifest that is needed next.
func begin(b *testing.B, walk *native.Walk, index *Index) {
	root := &index.Root.Descriptor
	need, err := walk.Begin(root.MediaType, root.Digest.String(), root.Size, index.Root.Bytes)
	if err != nil || need == nil || need.Descriptor.Digest != index.Manifest.Descriptor.Digest {
		b.Fatalf("wrong need %v, error %v", need, err)
	}
}

func benchmarkSelect(b *testing.B, index Index) {
	walk := newWalk(b, newRequest(b))
	defer walk.Close()
	begin(b, walk, &index)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		begin(b, walk, &index)
	}
}

func benchmarkFresh(b *testing.B, index Index) {
	request := newRequest(b)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		walk := newWalk(b, request)
		begin(b, walk, &index)
		walk.Close()
	}
}

func benchmarkReferences(b *testing.B, index Index) {
	walk := newWalk(b, newRequest(b))
	defer walk.Close()
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		begin(b, walk, &index)
		for _, document := range []Document{index.Manifest, index.Config} {
			if _, err := walk.Feed(document.Bytes); err != nil {
				b.Fatal(err)
			}
		}
		result, err := walk.Result()
		if err != nil || len(result.Selections) != 1 {
			b.Fatalf("wrong result %v, error %v", result, err)
		}
		references, err := walk.References()
		if err != nil || len(references.List) != index.Entries/2 {
			b.Fatalf("wrong references, error %v", err)
		}
	}
}

func benchmarkDigest(b *testing.B, index Index) {
	want := sha256.Sum256(index.Root.Bytes)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if sha256.Sum256(index.Root.Bytes) != want {
			b.Fatal("the bytes have changed")
		}
	}
}

// benchmarkContainerd does what a pull's handlers do with an index that has been fetched: read, check the type, parse, filter
// by platform, sort, take the first. containerd hashed the bytes when it fetched them, so no digest is checked here.
func benchmarkContainerd(b *testing.B, index Index) {
	matcher := platforms.Ordered(amd64)
	handler := images.LimitManifests(images.FilterPlatforms(images.ChildrenHandler(memory(index.Root.Bytes)), matcher), matcher, 1)
	ctx := context.Background()
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		children, err := handler(ctx, index.Root.Descriptor)
		if err != nil || len(children) != 1 || children[0].Digest != index.Manifest.Descriptor.Digest {
			b.Fatalf("wrong children %v, error %v", children, err)
		}
	}
}

// memory is a content store of one blob.
type memory []byte

type memoryReader struct{ *bytes.Reader }

func (memoryReader) Close() error { return nil }

func (m memory) ReaderAt(context.Context, ocispec.Descriptor) (content.ReaderAt, error) {
	return memoryReader{bytes.NewReader(m)}, nil
}
