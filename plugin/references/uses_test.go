// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package references_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/references"
	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/shapes"
)

func stores(here *node.Node) references.Stores {
	return references.Stores{Images: here.Images, Content: here.Content}
}

// uses looks something up, and writes what it is in each image, with the images' names left out of those that are the only one.
func uses(ctx context.Context, t *testing.T, here *node.Node, name string) []string {
	t.Helper()
	found, err := stores(here).Uses(ctx, name)
	if err != nil || len(found.Failures) != 0 {
		t.Fatalf("%s: %+v, %v", name, found, err)
	}
	var all []string
	for _, use := range found.Found {
		all = append(all, strings.TrimSpace(fmt.Sprintln(use.Role, use.Type, use.Subject, use.Path)))
	}
	return all
}

func TestUsesTellEachRole(t *testing.T) {
	shape := shapes.ByName("images-first")
	sbom := node.Artifact(t, shape, "application/spdx+json", node.Piece{MediaType: "text/plain", Content: []byte("payload")})
	absent := digest.FromString("absent")
	weak := node.About(node.Blob(shape, "text/plain", []byte("weak")), absent, "scan")
	shape = node.Attach(t, shape, node.About(sbom, shape.Selected, "own"), weak)
	ctx, here := node.New(t)
	image := here.Pull(ctx, t, node.Name(node.Serve(t, shape), shape))
	root := fmt.Sprintf("[%s]", shape.Root.Digest)
	payload := digest.FromString("payload")
	if got := uses(ctx, t, here, payload.String()); got != nil {
		t.Errorf("a layer of what is not here: %v", got)
	}
	for _, d := range parts(t, shape, sbom.Digest) {
		write(ctx, t, here, "application/octet-stream", shape.Blobs[d])
	}
	for name, c := range map[string]struct {
		of   digest.Digest
		want []string
	}{
		"target and image": {shape.Selected, []string{"target   []", "image   " + root}},
		"root":             {shape.Root.Digest, []string{"index   []"}},
		"reference":        {sbom.Digest, []string{fmt.Sprintf("reference own %s %s", shape.Selected, root)}},
		"its layer":        {payload, []string{fmt.Sprintf("blob   [%s %s]", shape.Root.Digest, sbom.Digest)}},
		"image's config":   {shape.Configs[shape.Selected], []string{fmt.Sprintf("blob   [%s %s]", shape.Root.Digest, shape.Selected)}},
		"weak subject":     {absent, []string{"subject   " + root}},
		"a stranger":       {digest.FromString("stranger"), nil},
	} {
		if image.Target.Digest != shape.Selected {
			t.Fatalf("the record points at %s", image.Target.Digest)
		}
		for _, asked := range []string{c.of.String(), c.of.String()[:30], c.of.Encoded()[:20]} {
			if got := uses(ctx, t, here, asked); !slices.Equal(got, c.want) {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		}
	}
}

// A document is reported where the tree shows it first, and a reference once for each thing that it is about.
func TestUsesInEveryPulledShape(t *testing.T) {
	for _, shape := range shapes.EndToEnd() {
		if shape.Output == "" {
			continue
		}
		t.Run(shape.Name, func(t *testing.T) {
			ctx, here := node.New(t)
			image := here.Pull(ctx, t, node.Name(node.Serve(t, shape), shape))
			listing := list(ctx, t, here, image)
			want := map[digest.Digest][]references.Role{image.Target.Digest: {references.RoleTarget}}
			add := func(d digest.Digest, role references.Role) { want[d] = append(want[d], role) }
			for _, line := range listing.Tree {
				switch of := line.Descriptor.Digest; {
				case line.Flags&native.NodeRepeated != 0 || line.Reference >= 0 || line.Kind == native.NodeSubject:
				case line.Kind == native.NodeIndex:
					add(of, references.RoleIndex)
				default:
					add(of, references.RoleImage)
				}
			}
			for _, reference := range listing.References {
				if reference.Descriptor.Digest != "" {
					add(reference.Descriptor.Digest, references.RoleReference)
				}
			}
			for d, roles := range want {
				found, err := stores(here).Uses(ctx, d.String())
				if err != nil || len(found.Failures) != 0 {
					t.Fatalf("%s: %+v, %v", d, found, err)
				}
				var got []references.Role
				for _, use := range found.Found {
					if use.Image != image.Name || use.Digest != d {
						t.Errorf("%s: %+v", d, use)
					}
					if use.Role != references.RoleBlob {
						got = append(got, use.Role)
					}
				}
				slices.Sort(got)
				slices.Sort(roles)
				if !slices.Equal(got, roles) {
					t.Errorf("%s is %v, want %v", d, got, roles)
				}
			}
		})
	}
}

// readings count how often each content is read.
type readings struct {
	content.InfoReaderProvider
	reads map[digest.Digest]int
}

func (c *readings) ReaderAt(ctx context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	c.reads[desc.Digest]++
	return c.InfoReaderProvider.ReaderAt(ctx, desc)
}

func TestRecordsThatShareContentAreReadOnce(t *testing.T) {
	shape := shapes.ByName("images-first")
	ctx, here := node.New(t)
	image := here.Pull(ctx, t, node.Name(node.Serve(t, shape), shape))
	reads := func() int {
		counted := &readings{here.Content, map[digest.Digest]int{}}
		found, err := references.Stores{Images: here.Images, Content: counted}.Uses(ctx, shape.Root.Digest.String())
		if err != nil {
			t.Fatal(err)
		}
		all, err := here.Images.List(ctx)
		if err != nil || len(found.Found) != len(all) {
			t.Fatalf("found %+v in %d images, %v", found, len(all), err)
		}
		for i, use := range found.Found[1:] {
			if use.Image <= found.Found[i].Image {
				t.Errorf("%s after %s", use.Image, found.Found[i].Image)
			}
		}
		return counted.reads[shape.Root.Digest]
	}
	before := reads()
	for i := range 5 {
		copied := images.Image{Name: fmt.Sprintf("127.0.0.1:1/copy:%d", i), Target: image.Target, Labels: image.Labels}
		if _, err := here.Images.Create(ctx, copied); err != nil {
			t.Fatal(err)
		}
	}
	if after := reads(); after != before || before == 0 {
		t.Errorf("the index is read %d times, with copies %d times", before, after)
	}
}

// What cannot be read is reported for each image that has it; what its record says is still found.
func TestImagesThatCannotBeReadAreTold(t *testing.T) {
	broken, good := shapes.ByName("images-first"), shapes.ByName("three-levels")
	ctx, here := node.New(t)
	server := node.Serve(t, broken, good)
	image := here.Pull(ctx, t, node.Name(server, broken))
	here.Pull(ctx, t, node.Name(server, good))
	here.Spoil(t, broken.Root.Digest, make([]byte, broken.Root.Size))
	for asked, want := range map[digest.Digest]int{broken.Root.Digest: 1, broken.References[0]: 0, good.Root.Digest: 1} {
		found, err := stores(here).Uses(ctx, asked.String())
		if err != nil || len(found.Found) != want {
			t.Errorf("%s: found %+v, %v", asked, found, err)
			continue
		}
		if len(found.Failures) != 1 || found.Failures[0].Image != image.Name || !errdefs.IsDataLoss(found.Failures[0].Err) {
			t.Errorf("%s: failures %+v", asked, found.Failures)
		}
	}
}

// A manifest that was spoiled hides its own layers, and nothing else.
func TestManifestThatCannotBeReadIsTold(t *testing.T) {
	ctx, here, shape, reference := onNode(t, func(shape shapes.Shape) ocispec.Descriptor {
		return node.Artifact(t, shape, "x/y", node.Piece{MediaType: "text/plain", Content: []byte("payload")})
	})
	of := reference.Descriptor.Digest
	here.Spoil(t, of, make([]byte, len(shape.Blobs[of])))
	for asked, want := range map[digest.Digest]int{of: 1, digest.FromString("payload"): 0} {
		found, err := stores(here).Uses(ctx, asked.String())
		if err != nil || len(found.Found) != want || len(found.Failures) != 1 || !strings.Contains(found.Failures[0].Err.Error(), of.String()) {
			t.Errorf("%s: %+v, %v", asked, found, err)
		}
	}
}

func TestUsesOfNothingAndOfACallThatEnded(t *testing.T) {
	ctx, here := node.New(t)
	if _, err := stores(here).Uses(ctx, ""); !errdefs.IsInvalidArgument(err) {
		t.Errorf("error %v", err)
	}
	shape := shapes.ByName("images-first")
	here.Pull(ctx, t, node.Name(node.Serve(t, shape), shape))
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := stores(here).Uses(ended, "sha256"); err == nil {
		t.Error("a call that ended is answered")
	}
}

// Types may fill an index: a use is no place for that.
func TestUseLeavesOutATypeThatFillsAnIndex(t *testing.T) {
	shape := shapes.ByName("multi-platform")
	for _, length := range []int{64 << 10, 64<<10 + 1} {
		entry := node.Blob(shape, ocispec.MediaTypeImageManifest, []byte(fmt.Sprint(length)))
		entry.ArtifactType = strings.Repeat("x", length)
		shape := node.Attach(t, shape, entry)
		ctx, here := node.New(t)
		record(ctx, t, here, shape)
		found, err := stores(here).Uses(ctx, entry.Digest.String())
		if err != nil || len(found.Found) != 1 || (found.Found[0].Type == "") != (length > 64<<10) {
			t.Errorf("%d: %d uses, %v", length, len(found.Found), err)
		}
	}
}
