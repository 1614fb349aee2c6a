// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package references_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/artifact"
	"github.com/refract-oci/refract/plugin/imagelabels"
	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/references"
	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

// fetch fetches under a lease, which ends with it.
func fetch(ctx context.Context, t *testing.T, here *node.Node, listing *references.Listing, from remotes.Fetcher, wanted []references.Reference, maxBytes int64) ([]references.Fetched, error) {
	t.Helper()
	leased, release, err := here.Lease(ctx)
	if err != nil {
		t.Fatal(err)
	}
	outcomes, err := listing.Fetch(leased, here.Content, here.Images, from, wanted, references.Limits{Each: maxBytes})
	if released := release(ctx); released != nil {
		t.Fatal(released)
	}
	return outcomes, err
}

func TestFetchedContentLivesAsLongAsTheImage(t *testing.T) {
	shape := shapes.ByName("references-to-references")
	ctx, here := node.New(t)
	image := record(ctx, t, here, shape)
	listing := list(ctx, t, here, image)
	from := serving(shape)
	outcomes, err := fetch(ctx, t, here, listing, from, listing.References, 0)
	if err != nil || len(outcomes) != 3 {
		t.Fatalf("outcomes %v, %v", outcomes, err)
	}
	var everything []digest.Digest
	for i, one := range outcomes {
		if want := parts(t, shape, shape.References[i]); one.Err != nil || !slices.Equal(one.Content, want) {
			t.Errorf("reference %d: %v, %v, want %v", i, one.Content, one.Err, want)
		}
		everything = append(everything, one.Content...)
	}
	here.Collect(ctx, t)
	for _, d := range everything {
		if !here.Has(ctx, d) {
			t.Errorf("%s was collected while the image lives", d)
		}
	}
	for _, reference := range list(ctx, t, here, here.Image(ctx, t, image.Name)).References {
		if reference.Present != native.Yes {
			t.Errorf("%s is present: %s", reference.Descriptor.Digest, reference.Present)
		}
	}
	if err := here.Images.Delete(ctx, image.Name); err != nil {
		t.Fatal(err)
	}
	here.Collect(ctx, t)
	for _, d := range append(everything, shape.Root.Digest) {
		if here.Has(ctx, d) {
			t.Errorf("%s stayed after the image", d)
		}
	}
}

// Each artifact is asked for once, whatever shares it, and nothing that is here is asked for again.
func TestFetchAsksForNothingTwice(t *testing.T) {
	shape := shapes.ByName("references-to-references")
	ctx, here := node.New(t)
	image := record(ctx, t, here, shape)
	listing := list(ctx, t, here, image)
	from := serving(shape)
	twice := append(slices.Clone(listing.References), listing.References...)
	if outcomes, err := fetch(ctx, t, here, listing, from, twice, 0); err != nil || len(outcomes) != 3 {
		t.Fatalf("outcomes %v, %v", outcomes, err)
	}
	asked := map[digest.Digest]int{}
	for range len(from.asked) {
		asked[<-from.asked]++
	}
	for _, d := range shape.References {
		if asked[d] != 1 {
			t.Errorf("%s was asked for %d times", d, asked[d])
		}
	}
	labels := here.Image(ctx, t, image.Name).Labels
	if outcomes, err := fetch(ctx, t, here, listing, from, listing.References, 0); err != nil || len(outcomes) != 3 || outcomes[0].Err != nil {
		t.Fatalf("outcomes %v, %v", outcomes, err)
	}
	if len(from.asked) != 0 {
		t.Errorf("%s was asked for again", <-from.asked)
	}
	if again := here.Image(ctx, t, image.Name).Labels; len(again) != len(labels) {
		t.Errorf("labels %v, before %v", again, labels)
	}
}

// Of one that fails the others know nothing, and only what was fetched whole is kept.
func TestFetchKeepsWhatItGotBesideWhatFailed(t *testing.T) {
	shape := shapes.ByName("missing-marked-artifact")
	ctx, here := node.New(t)
	image := record(ctx, t, here, shape)
	listing := list(ctx, t, here, image)
	outcomes, err := fetch(ctx, t, here, listing, serving(shape), listing.References, 0)
	if err != nil || len(outcomes) != 2 {
		t.Fatalf("outcomes %v, %v", outcomes, err)
	}
	if !errdefs.IsNotFound(outcomes[0].Err) || outcomes[1].Err != nil {
		t.Errorf("errors %v and %v", outcomes[0].Err, outcomes[1].Err)
	}
	if kept := imagelabels.Fetched(here.Image(ctx, t, image.Name).Labels); !slices.Equal(kept, shape.References[1:]) {
		t.Errorf("kept %v, want %v", kept, shape.References[1:])
	}
}

func TestFetchRefusesMoreThanTheLimit(t *testing.T) {
	limit := int(native.DefaultLimits().FetchedReferences)
	for _, more := range []int{0, 1} {
		ctx, here := node.New(t)
		image := record(ctx, t, here, shapes.ByName("images-first"))
		listing := list(ctx, t, here, image)
		var wanted []references.Reference
		for number := range limit + more {
			one := listing.References[0]
			one.Descriptor.Digest = digest.FromString(strconv.Itoa(number))
			wanted = append(wanted, one)
		}
		// One that comes with the index costs nothing and does not count.
		inline := references.Reference{Reference: native.Reference{Annotation: "dev.sigstore.cosign/bundle.1"}}
		from := serving(shapes.Shape{})
		outcomes, err := fetch(ctx, t, here, listing, from, append(wanted, inline), 0)
		if more == 0 {
			if err != nil || len(outcomes) != limit || len(from.asked) != limit {
				t.Errorf("%d references: %d outcomes, %d requests, %v", limit, len(outcomes), len(from.asked), err)
			}
			continue
		}
		if !errdefs.IsResourceExhausted(err) || !strings.Contains(err.Error(), fmt.Sprint(limit+1)) || len(from.asked) != 0 {
			t.Errorf("%d references: %d requests, %v", limit+more, len(from.asked), err)
		}
	}
}

func TestFetchLeavesOutWhatIsTooLarge(t *testing.T) {
	shape := shapes.ByName("images-first")
	ctx, here := node.New(t)
	image := record(ctx, t, here, shape)
	listing := list(ctx, t, here, image)
	total := func(reference digest.Digest) int64 {
		sum := 0
		for _, d := range parts(t, shape, reference) {
			sum += len(shape.Blobs[d])
		}
		return int64(sum)
	}
	one, other := total(shape.References[0]), total(shape.References[1])
	if one == other {
		t.Fatal("the two are to have different sizes")
	}
	outcomes, err := fetch(ctx, t, here, listing, serving(shape), listing.References, min(one, other))
	if err != nil {
		t.Fatal(err)
	}
	for i, size := range []int64{one, other} {
		if tooLarge := size > min(one, other); errors.Is(outcomes[i].Err, artifact.ErrTooLarge) != tooLarge || tooLarge == here.Has(ctx, shape.References[i]) {
			t.Errorf("reference %d of %d bytes: %v", i, size, outcomes[i].Err)
		}
	}
}

// A record that changed meanwhile belongs to another image, or to none: what was fetched is not hung onto it.
func TestFetchForAnImageThatChangedMeanwhile(t *testing.T) {
	shape := shapes.ByName("images-first")
	cases := []struct {
		name   string
		change func(context.Context, images.Store, images.Image) error
		kind   func(error) bool
	}{
		{"pulled anew", func(ctx context.Context, store images.Store, image images.Image) error {
			image.Labels = imagelabels.With(nil, imagelabels.Kept{Root: digest.FromString("another index")})
			_, err := store.Update(ctx, image)
			return err
		}, errdefs.IsFailedPrecondition},
		{"removed", func(ctx context.Context, store images.Store, image images.Image) error {
			return store.Delete(ctx, image.Name)
		}, errdefs.IsNotFound},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ctx, here := node.New(t)
			image := record(ctx, t, here, shape)
			listing := list(ctx, t, here, image)
			if err := c.change(ctx, here.Images, image); err != nil {
				t.Fatal(err)
			}
			if _, err := fetch(ctx, t, here, listing, serving(shape), listing.References, 0); !c.kind(err) || !strings.Contains(err.Error(), image.Name) {
				t.Errorf("error %v", err)
			}
			here.Collect(ctx, t)
			if here.Has(ctx, shape.References[0]) {
				t.Error("what nothing keeps stayed")
			}
		})
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	shape := shapes.ByName("artifacts-200")
	base, here := node.New(t)
	image := record(base, t, here, shape)
	listing := list(base, t, here, image)
	ctx, cancel := context.WithCancel(base)
	from := remotes.FetcherFunc(func(ctx context.Context, _ ocispec.Descriptor) (io.ReadCloser, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	})
	if outcomes, err := listing.Fetch(ctx, here.Content, here.Images, from, listing.References, references.Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("outcomes %v, %v", outcomes, err)
	}
	if labels := here.Image(base, t, image.Name).Labels; len(labels) != 0 {
		t.Errorf("labels %v", labels)
	}
}

// Registries redirect to URLs that are signed. Who reads why something failed must not be able to use them.
func TestWhyAFetchFailedIsOneLineWithoutSecrets(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	const signed = "https://user:canary@storage.example/blob?signature=canary#canary"
	cases := map[string]error{
		"status":            fmt.Errorf("wrapped: %w", remoteerrors.ErrUnexpectedStatus{Status: "403 Forbidden", StatusCode: 403, RequestMethod: "GET", RequestURL: signed, Body: []byte("canary")}),
		"status with codes": errors.Join(remoteerrors.ErrUnexpectedStatus{Status: "403 Forbidden", RequestMethod: "GET", RequestURL: signed}, errors.New("denied:\ncanary")),
		"network":           fmt.Errorf("failed to do request: %w", &url.Error{Op: "Get", URL: signed, Err: errors.New("connection refused")}),
		"location":          &url.Error{Op: "Get", URL: "https://storage.example/blob", Err: errors.New(`failed to parse Location header "https://user:canary@storage.example:x/blob?canary"`)},
		"malformed":         remoteerrors.ErrUnexpectedStatus{Status: "403 Forbidden", RequestMethod: "GET", RequestURL: "https://storage.example/%zz?canary"},
		"text of others":    errors.New("GET https://user:canary@storage.example/blob?signature=canary\nfailed"),
	}
	for name, cause := range cases {
		t.Run(name, func(t *testing.T) {
			ctx, here := node.New(t)
			listing := list(ctx, t, here, record(ctx, t, here, shape))
			from := remotes.FetcherFunc(func(context.Context, ocispec.Descriptor) (io.ReadCloser, error) { return nil, cause })
			outcomes, err := fetch(ctx, t, here, listing, from, listing.References, 0)
			if err != nil || len(outcomes) != 1 || outcomes[0].Err == nil {
				t.Fatalf("outcomes %v, %v", outcomes, err)
			}
			text := outcomes[0].Err.Error()
			if strings.Contains(text, "canary") || strings.ContainsAny(text, "\n\r") || text == "" {
				t.Errorf("error %q", text)
			}
			var unwrapped remoteerrors.ErrUnexpectedStatus
			if strings.HasPrefix(name, "status") && (!errors.As(outcomes[0].Err, &unwrapped) || !strings.Contains(text, "403 Forbidden") || !strings.Contains(text, "storage.example/blob")) {
				t.Errorf("error %q does not tell what the registry answered", text)
			}
		})
	}
}
