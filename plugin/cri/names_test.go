// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/refract-oci/refract/plugin/imagelabels"
	nodes "github.com/refract-oci/refract/tests/node"
)

var (
	target = ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("target"), Size: 6}
	other  = ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("other"), Size: 5}
)

// The names are those of CRI: id, tag, and one digest, that of the request or else that of the target.
func TestNames(t *testing.T) {
	const byTarget = "@sha256:" // the rest is the target's
	for pulled, want := range map[string][]string{
		"host.example/a:1":                          {"id", "host.example/a:1", "host.example/a@" + target.Digest.String()},
		"host.example/a@" + other.Digest.String():   {"id", "host.example/a@" + other.Digest.String()},
		"host.example/a:1@" + other.Digest.String(): {"id", "host.example/a@" + other.Digest.String()},
		"busybox":           {"id", "docker.io/library/busybox:latest", "docker.io/library/busybox" + byTarget + target.Digest.Encoded()},
		"host:5000/a/b:1.0": {"id", "host:5000/a/b:1.0", "host:5000/a/b@" + target.Digest.String()},
		"docker.io/busybox@" + target.Digest.String(): {"id", "docker.io/library/busybox@" + target.Digest.String()},
	} {
		named, err := reference.ParseDockerRef(pulled)
		if err != nil {
			t.Fatal(err)
		}
		if got := namesOf(named, "id", target.Digest); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", pulled, got, want)
		}
		byIndex := indexName(named, images.Image{Target: target, Labels: imagelabels.With(nil, imagelabels.Kept{Root: other.Digest})})
		if want := named.Name() + "@" + other.Digest.String(); byIndex != want {
			t.Errorf("%s: by index %q, want %q", pulled, byIndex, want)
		}
		for _, labels := range []map[string]string{nil, imagelabels.With(nil, imagelabels.Kept{Root: target.Digest})} {
			if got := indexName(named, images.Image{Target: target, Labels: labels}); got != "" {
				t.Errorf("%s: by index %q", pulled, got)
			}
		}
	}
}

// A record is made, or changed, as CRI does it: the labels of others stay, a pin is never taken away.
func TestRecords(t *testing.T) {
	managed := map[string]string{imagelabels.ManagedLabel: imagelabels.ManagedValue}
	pinned := map[string]string{imagelabels.ManagedLabel: imagelabels.ManagedValue, imagelabels.PinnedLabel: imagelabels.PinnedValue}
	with := func(labels map[string]string, key, value string) map[string]string {
		labels = maps.Clone(labels)
		labels[key] = value
		return labels
	}
	for name, c := range map[string]struct{ before, labels, after map[string]string }{
		"new":           {nil, managed, managed},
		"the same":      {managed, managed, managed},
		"another's":     {map[string]string{"x": "y"}, managed, with(managed, "x", "y")},
		"to be pinned":  {managed, pinned, pinned},
		"pinned before": {pinned, managed, pinned},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, n := nodes.New(t)
			if c.before != nil {
				if _, err := n.Images.Create(ctx, images.Image{Name: "a", Target: other, Labels: c.before}); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				if err := record(ctx, n.Images, "a", target, c.labels); err != nil {
					t.Fatal(err)
				}
			}
			if got := n.Image(ctx, t, "a"); got.Target.Digest != target.Digest || !maps.Equal(got.Labels, c.after) {
				t.Errorf("record %v %v, want %v", got.Target.Digest, got.Labels, c.after)
			}
		})
	}
}

// slowCRI answers with what it is told, a question later each time.
type slowCRI struct {
	cri.ImageServiceClient
	answers []string // ids; the last one stays
	err     error
	asked   int
}

func (s *slowCRI) ImageStatus(context.Context, *cri.ImageStatusRequest, ...grpc.CallOption) (*cri.ImageStatusResponse, error) {
	s.asked++
	if s.err != nil {
		return nil, s.err
	}
	id := s.answers[min(s.asked, len(s.answers))-1]
	if id == "" {
		return &cri.ImageStatusResponse{}, nil
	}
	return &cri.ImageStatusResponse{Image: &cri.Image{Id: id}}, nil
}

func TestWaitsUntilCRIKnows(t *testing.T) {
	ctx, stores := nodes.New(t)
	client, err := containerd.New("", containerd.WithServices(containerd.WithImageStore(stores.Images)))
	if err != nil {
		t.Fatal(err)
	}
	for name, of := range map[string]ocispec.Descriptor{"a": target, "moved": other} {
		if _, err := stores.Images.Create(ctx, images.Image{Name: name, Target: of}); err != nil {
			t.Fatal(err)
		}
	}
	slow := &slowCRI{answers: []string{"", "old", "old", "id"}}
	n := &node{client: client, images: slow}
	if err := n.known(ctx, []string{"a"}, "id", target.Digest); err != nil || slow.asked != 4 {
		t.Errorf("%v after %d questions", err, slow.asked)
	}
	n.images = &slowCRI{answers: []string{"new"}}
	if err := n.known(ctx, []string{"moved"}, "id", target.Digest); err != nil {
		t.Errorf("a name that another pull has moved: %v", err)
	}
	if err := n.known(ctx, []string{"gone"}, "id", target.Digest); !errdefs.IsNotFound(err) || !strings.Contains(err.Error(), "removed") {
		t.Errorf("a name that was removed: %v", err)
	}
	for _, never := range []*slowCRI{{answers: []string{""}}, {err: errors.New("not initialized yet")}} {
		n.images = never
		ending, cancel := context.WithCancelCause(ctx)
		go func() { cancel(errors.New("patience is at an end")) }()
		err := n.known(ending, []string{"a"}, "id", target.Digest)
		if err == nil || !strings.Contains(err.Error(), " a") || !strings.Contains(err.Error(), "patience") {
			t.Errorf("a name that CRI never knows: %v", err)
		}
	}
}
