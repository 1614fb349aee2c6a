// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package references_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/references"
	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

// provider tells containerd of referrers.
type provider map[digest.Digest][]ocispec.Descriptor

func (p provider) Referrers(_ context.Context, of ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	return p[of.Digest], nil
}

// putArtifact stores an artifact with all it consists of. Without a subject it does not say what it is about.
func putArtifact(ctx context.Context, t *testing.T, here *node.Node, artifactType string, subject *ocispec.Descriptor) ocispec.Descriptor {
	t.Helper()
	empty := write(ctx, t, here, ocispec.MediaTypeEmptyJSON, []byte("{}"))
	raw, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: artifactType,
		Config: empty, Layers: []ocispec.Descriptor{empty}, Subject: subject,
	})
	if err != nil {
		t.Fatal(err)
	}
	return write(ctx, t, here, ocispec.MediaTypeImageManifest, raw)
}

// label has containerd itself label content with its referrers.
func label(ctx context.Context, t *testing.T, here *node.Node, told provider, of ...ocispec.Descriptor) {
	t.Helper()
	handler := images.SetChildrenLabels(here.Content, images.SetReferrers(told, images.ChildrenHandler(here.Content)))
	for _, one := range of {
		if _, err := handler(ctx, one); err != nil {
			t.Fatal(err)
		}
	}
}

func recordAs(ctx context.Context, t *testing.T, here *node.Node, name string, target ocispec.Descriptor) {
	t.Helper()
	if _, err := here.Images.Create(ctx, images.Image{Name: name, Target: target}); err != nil {
		t.Fatal(err)
	}
}

// one finds the only reference of a digest, and checks what is said of it.
func one(t *testing.T, listing *references.Listing, d, subject digest.Digest, source native.Source, kind string) {
	t.Helper()
	var found []references.Reference
	for _, reference := range listing.References {
		if reference.Descriptor.Digest == d {
			found = append(found, reference)
		}
	}
	if len(found) != 1 || found[0].Subject != subject || found[0].Sources&source == 0 || !found[0].IsOf(kind) || found[0].Present != native.Yes {
		t.Errorf("%s of %s: %+v", d, subject, found)
	}
}

// What other clients left on the node is listed, offline: what containerd's labels name, and what is about that; tags and artifacts of
// the same repository that were pulled as images.
func TestWhatOtherClientsLeftIsListed(t *testing.T) {
	for _, name := range []string{"images-first", "multi-platform", "single-manifest"} {
		t.Run(name, func(t *testing.T) {
			shape := shapes.ByName(name)
			ctx, here := node.New(t)
			server := node.Serve(t, shape)
			image := here.Pull(ctx, t, node.Name(server, shape))
			if err := server.Close(); err != nil {
				t.Fatal(err)
			}
			manifest := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: shape.Selected, Size: int64(len(shape.Blobs[shape.Selected]))}
			stores := references.Stores{Images: here.Images, Content: here.Content}
			before, err := stores.List(ctx, image.Name)
			if err != nil {
				t.Fatal(err)
			}

			sbom := putArtifact(ctx, t, here, "application/spdx+json", &manifest)
			signature := putArtifact(ctx, t, here, "application/vnd.example.signature", &sbom)
			silent := putArtifact(ctx, t, here, "application/vnd.example.silent", nil)
			liar := putArtifact(ctx, t, here, "application/vnd.example.liar", &silent)
			label(ctx, t, here, provider{manifest.Digest: {sbom, silent, liar}, sbom.Digest: {signature}}, manifest, sbom)

			repository := strings.TrimSuffix(image.Name, ":latest")
			pulled := putArtifact(ctx, t, here, "application/vnd.example.pulled", &manifest)
			recordAs(ctx, t, here, repository+"@"+pulled.Digest.String(), pulled)
			tagged := putArtifact(ctx, t, here, "application/vnd.example.tagged", nil)
			recordAs(ctx, t, here, repository+":sha256-"+manifest.Digest.Encoded()+".sig", tagged)
			stranger := putArtifact(ctx, t, here, "application/vnd.example.stranger", &manifest)
			recordAs(ctx, t, here, "elsewhere.example/app:1", stranger)

			listing, err := stores.List(ctx, image.Name)
			if err != nil {
				t.Fatal(err)
			}
			one(t, listing, sbom.Digest, manifest.Digest, native.SourceReferrersAPI, "application/spdx+json")
			one(t, listing, signature.Digest, sbom.Digest, native.SourceReferrersAPI, "application/vnd.example.signature")
			one(t, listing, silent.Digest, manifest.Digest, native.SourceReferrersAPI, "application/vnd.example.silent")
			one(t, listing, pulled.Digest, manifest.Digest, native.SourceReferrersAPI, "application/vnd.example.pulled")
			one(t, listing, tagged.Digest, manifest.Digest, native.SourceCosignTag, "signature")
			if got, want := len(listing.References), len(before.References)+5; got != want {
				t.Errorf("%d references, want %d: %+v", got, want, listing.References)
			}
			if listing.Root.Digest != shape.Root.Digest {
				t.Errorf("root %s", listing.Root.Digest)
			}
			uses, err := stores.Uses(ctx, sbom.Digest.String())
			if err != nil || !slices.ContainsFunc(uses.Found, func(use references.Use) bool {
				return use.Image == image.Name && use.Role == references.RoleReference && use.Subject == manifest.Digest
			}) {
				t.Errorf("uses of the SBOM: %+v, %v", uses, err)
			}
		})
	}
}

// What an index lists and a label names, too, is one reference.
func TestWhatIsLeftTwiceIsListedOnce(t *testing.T) {
	shape := shapes.ByName("images-first")
	ctx, here := node.New(t)
	server := node.Serve(t, shape)
	image := here.Pull(ctx, t, node.Name(server, shape))
	artifact := shape.References[0]
	entry := write(ctx, t, here, shape.MediaTypes[artifact], shape.Blobs[artifact])
	before := list(ctx, t, here, image)
	subject := ofDigest(t, before, artifact).Subject
	of := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: subject, Size: int64(len(shape.Blobs[subject]))}
	label(ctx, t, here, provider{subject: {entry}}, of)
	after := list(ctx, t, here, image)
	if len(after.References) != len(before.References) {
		t.Errorf("%d references, want %d: %+v", len(after.References), len(before.References), after.References)
	}
	if sources := ofDigest(t, after, artifact).Sources; sources&native.SourceIndex == 0 || sources&native.SourceReferrersAPI == 0 {
		t.Errorf("sources %v", sources.Names())
	}
}

// Attestations of BuildKit, as a plain containerd leaves them with all metadata: listed, and not whole.
func TestAttestationsThatAPlainPullLeft(t *testing.T) {
	shape := shapes.ByName("buildkit-attestations")
	ctx, here := node.New(t)
	image := record(ctx, t, here, shape)
	for d, mediaType := range shape.MediaTypes {
		if d != shape.Root.Digest {
			write(ctx, t, here, mediaType, shape.Blobs[d])
		}
	}
	listing := list(ctx, t, here, image)
	if len(listing.References) == 0 {
		t.Fatal("none is listed")
	}
	for _, reference := range listing.References {
		if reference.Sources != native.SourceBuildKit || reference.Subject == "" || reference.Present != native.No {
			t.Errorf("%+v", reference)
		}
	}
}

// An index that lists more than can be asked about is listed all the same.
func TestLongIndexesAreListedBesideWhatIsLeft(t *testing.T) {
	shape := shapes.BehindArtifacts(1500)
	ctx, here := node.New(t)
	server := node.Serve(t, shape)
	image := here.Pull(ctx, t, node.Name(server, shape))
	manifest := image.Target
	sbom := putArtifact(ctx, t, here, "application/spdx+json", &manifest)
	label(ctx, t, here, provider{manifest.Digest: {sbom}}, manifest)
	listing := list(ctx, t, here, image)
	one(t, listing, sbom.Digest, manifest.Digest, native.SourceReferrersAPI, "application/spdx+json")
	if len(listing.References) != 1501 {
		t.Errorf("%d references", len(listing.References))
	}
}
