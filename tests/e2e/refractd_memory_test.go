// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/refract-oci/refract/plugin/native"
	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

const mebibyte = 1 << 20

// largeIndex is a shape whose index has so many entries, all of them attached to its image, and about that many bytes.
func largeIndex(t *testing.T, bytes, entries int) shapes.Shape {
	t.Helper()
	shape := byName(t, "artifact-first-same-platform")
	entry := func(number, width int) ocispec.Descriptor {
		return ocispec.Descriptor{
			MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(fmt.Sprint("reference ", number)), Size: 500,
			Annotations: map[string]string{
				"org.opencontainers.reference.digest": shape.Selected.String(), "org.opencontainers.reference.type": strings.Repeat("x", width),
			},
		}
	}
	least, err := json.Marshal(entry(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	width := max(1, bytes/entries-len(least)-2)
	return shape.WithRoot(func(index *ocispec.Index) {
		for number := len(index.Manifests); number < entries; number++ {
			index.Manifests = append(index.Manifests, entry(number, width))
		}
	})
}

// memoryStart is what a daemon takes when it does nothing. The most that it takes is counted from here.
func memoryStart(t *testing.T, of *harness.Refractd) int64 {
	t.Helper()
	if err := programs.ForgetPeak(of.PID()); err != nil {
		t.Fatal(err)
	}
	now, _, err := of.Memory()
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// settles waits until a daemon takes no more than that.
func settles(t *testing.T, of interface{ Memory() (int64, int64, error) }, most int64) {
	t.Helper()
	if err := programs.Poll(eventLimit, func() error {
		now, _, err := of.Memory()
		if err == nil && now > most {
			err = fmt.Errorf("%d MiB are taken, want no more than %d", now/mebibyte, most/mebibyte)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

// TestHundredPullsOfALargeIndex: what pulls take is bounded however many there are, and given back.
func TestHundredPullsOfALargeIndex(t *testing.T) {
	const pulls = 100
	shape := largeIndex(t, 3*mebibyte, int(native.DefaultLimits().Entries))
	server, name := ownRegistry(t, shape)
	name = strings.TrimSuffix(name, ":latest")
	repository := strings.TrimPrefix(name, server.Host()+"/")
	for number := range pulls {
		server.Add(repository, shape, fmt.Sprint("n", number))
	}
	release, held := make(chan struct{}), make(chan registry.Target, 1)
	server.Inject(registry.OnGet(partsOf(shape)["layer"], registry.Hold(release, held)))
	daemon := start(t, harness.StartBehindRefractd, harness.Config{})
	begin := memoryStart(t, daemon.Front)
	var group errgroup.Group
	for number := range pulls {
		group.Go(func() error {
			_, err := daemon.Images.PullImage(t.Context(), &cri.PullImageRequest{Image: &cri.ImageSpec{Image: fmt.Sprint(name, ":n", number)}})
			return err
		})
	}
	<-held
	if err := programs.Poll(eventLimit, func() error {
		log, err := daemon.Front.Log()
		if count := strings.Count(log, "msg=PullImage "); err == nil && count < pulls {
			err = fmt.Errorf("%d of %d pulls have begun", count, pulls)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	_, peak, err := daemon.Front.Memory()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d MiB before, %d at most", begin/mebibyte, peak/mebibyte)
	// Without a bound it was 2.9 GiB.
	if peak > 300*mebibyte {
		t.Errorf("%d pulls took %d MiB", pulls, peak/mebibyte)
	}
	settles(t, daemon.Front, begin+20*mebibyte)
}

// TestUnreadListsAreBounded: who asks and does not read costs no more than those that it keeps waiting.
func TestUnreadListsAreBounded(t *testing.T) {
	shape := largeIndex(t, 4*mebibyte-128<<10, 3000)
	_, name := ownRegistry(t, shape)
	daemon := start(t, harness.StartBehindRefractd, harness.Config{})
	if _, err := daemon.CRIPull(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	connection, err := grpc.NewClient("unix://"+daemon.Front.Socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	client := refractv1.NewReferencesClient(connection)
	ctx, cancel := context.WithCancel(namespaces.WithNamespace(t.Context(), criNamespace))
	defer cancel()
	begin := memoryStart(t, daemon.Front)
	answered := make(chan error, 12)
	for range cap(answered) {
		stream, err := client.List(ctx, &refractv1.ListRequest{Image: name})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			// There is a header when the first part was sent. No part of it is read.
			_, err := stream.Header()
			answered <- err
		}()
	}
	// All come to be answered, for those that are not read give way.
	for range cap(answered) {
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
	}
	settles(t, daemon.Front, begin+64*mebibyte)
	now, peak, err := daemon.Front.Memory()
	t.Logf("%d MiB before, %d now, %d at most, %v", begin/mebibyte, now/mebibyte, peak/mebibyte, err)
	// And who reads is answered.
	stream, err := client.List(ctx, &refractv1.ListRequest{Image: name})
	if err != nil {
		t.Fatal(err)
	}
	for parts := 0; ; parts++ {
		if _, err := stream.Recv(); err != nil {
			if parts < 2 {
				t.Error(err)
			}
			break
		}
	}
}
