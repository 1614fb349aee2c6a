// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package suites

import (
	"archive/tar"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// form is how images are in the registry.
type form string

const (
	plain    form = "plain"
	buildkit form = "buildkit"
	extended form = "extended"
	// single is without an index: what an image of an extended index is like, once it has been selected.
	single form = "single"
)

var forms = []form{plain, buildkit, extended}

// picture is an image that a suite names.
type picture struct {
	repository string
	tags       []string
	config     ocispec.ImageConfig
	further    [][]shapes.File // layers on top of the common one
}

// gallery is a registry that has the images of the suites in one form.
type gallery struct {
	server *registry.Server
	ground layer
	form   form
}

type layer struct {
	blob   []byte
	diffID digest.Digest
}

// open starts a registry with images, and ends it with the test. It returns the digest under each repository's name.
func open(t *testing.T, in form, pictures []picture) (*registry.Server, map[string]digest.Digest) {
	t.Helper()
	g := gallery{server: node.Serve(t), ground: pack(t, ground(t)), form: in}
	digests := map[string]digest.Digest{}
	for _, p := range pictures {
		shape := g.draw(t, p)
		g.server.Add(p.repository, shape, p.tags...)
		digests[p.repository] = shape.Root.Digest
	}
	return g.server, digests
}

func pack(t *testing.T, files []shapes.File) layer {
	t.Helper()
	blob, diffID, err := shapes.Pack(files)
	if err != nil {
		t.Fatal(err)
	}
	return layer{blob, diffID}
}

// ground are the files of all images: busybox under all its names, what the suites look for beside it, and the users that they name.
func ground(t *testing.T) []shapes.File {
	t.Helper()
	files, err := shapes.BusyboxFiles()
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"dev/", "proc/", "root/", "run/", "sys/", "usr/", "var/", "www/"} {
		files = append(files, shapes.File{Header: tar.Header{Name: folder, Typeflag: tar.TypeDir, Mode: 0o755}})
	}
	own, err := programs.Find("tools", "inside")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]string{"var/run": "../run", "usr/bin": "../bin", "bin/ipcs": "inside", "bin/nginx": "inside", "bin/pgrep": "inside"}
	list, err := exec.Command(shapes.Busybox, "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, applet := range strings.Fields(string(list)) {
		if applet != "busybox" && applet != "sh" {
			// Not a symbolic link: a spec masks one of them, and not all that are the same program.
			files = append(files, shapes.File{Header: tar.Header{Name: "bin/" + applet, Typeflag: tar.TypeLink, Linkname: "bin/busybox", Mode: 0o755}})
		}
	}
	// The same order each time, so that digests are the same.
	for _, name := range sorted(named) {
		files = append(files, shapes.File{Header: tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: named[name], Mode: 0o777}})
	}
	text := func(name, content string) shapes.File {
		return shapes.File{Header: tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}, Content: []byte(content)}
	}
	return append(files,
		shapes.File{Header: tar.Header{Name: "bin/inside", Typeflag: tar.TypeReg, Mode: 0o755}, Content: program},
		// Not a link: the one with the bit is this one alone.
		shapes.File{Header: tar.Header{Name: "bin/nonewprivs", Typeflag: tar.TypeReg, Mode: 0o4755}, Content: program},
		text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nwww-data:x:33:33:www-data:/www:/bin/false\n"+
			"backup:x:34:34:backup:/var:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\ndefault-user:x:1000:1000:default-user:/root:/bin/sh\n"),
		text("etc/group", "root:x:0:root\ndaemon:x:1:\nwww-data:x:33:\nbackup:x:34:\ndefault-user:x:1000:\n"+
			"group-defined-in-image:x:50000:default-user\n"),
	)
}

// draw makes an image for several platforms, in the form that is wanted. Those of other platforms than this machine's have no program.
func (g gallery) draw(t *testing.T, p picture) shapes.Shape {
	t.Helper()
	shape := shapes.Shape{Name: p.repository, Blobs: map[digest.Digest][]byte{}, MediaTypes: map[digest.Digest]string{}}
	var images, beside []ocispec.Descriptor
	for _, platform := range platforms() {
		image := g.image(t, shape, p, platform)
		images = append(images, image)
		switch {
		case g.form == buildkit:
			beside = append(beside, attestation(t, shape, image))
		case g.form == extended && platform.Architecture == runtime.GOARCH:
			for _, about := range []string{"sbom", "signature"} {
				artifact := node.Artifact(t, shape, "application/vnd.example."+about, node.Piece{MediaType: "text/plain", Content: []byte(about + " of " + p.repository)})
				artifact.Platform = &platform
				beside = append(beside, node.About(artifact, image.Digest, about))
			}
		}
	}
	if g.form == single {
		shape.Root = images[0]
		return shape
	}
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: images}
	if g.form == extended {
		index.Manifests = append(beside, images...)
	} else {
		index.Manifests = append(index.Manifests, beside...)
	}
	shape.Root = document(t, shape, index.MediaType, index)
	return shape
}

// platforms are those that images are for, this machine's first.
func platforms() []ocispec.Platform {
	all := []ocispec.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64", Variant: "v8"}}
	if runtime.GOARCH != all[0].Architecture {
		all[0], all[1] = all[1], all[0]
	}
	return append(all, ocispec.Platform{OS: "linux", Architecture: "s390x"}, ocispec.Platform{OS: "linux", Architecture: "ppc64le"},
		ocispec.Platform{OS: "linux", Architecture: "arm", Variant: "v7"})
}

func (g gallery) image(t *testing.T, shape shapes.Shape, p picture, platform ocispec.Platform) ocispec.Descriptor {
	t.Helper()
	// The first layer is each image's own: some tests delete it, and look at what there is then.
	layers := []layer{pack(t, []shapes.File{{
		Header: tar.Header{Name: "image", Typeflag: tar.TypeReg, Mode: 0o644}, Content: []byte(p.repository + " for " + platform.Architecture),
	}})}
	if platform.Architecture == runtime.GOARCH {
		layers = append(layers, g.ground)
	}
	for _, files := range p.further {
		layers = append(layers, pack(t, files))
	}
	config := ocispec.Image{Platform: platform, Config: p.config, RootFS: ocispec.RootFS{Type: "layers"}}
	config.Config.Env = []string{"PATH=/bin"}
	// Images that differ have ids that differ.
	config.Config.Labels = map[string]string{"repository": p.repository}
	manifest := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	for _, each := range layers {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, each.diffID)
		config.History = append(config.History, ocispec.History{CreatedBy: "tests/suites"})
		manifest.Layers = append(manifest.Layers, node.Blob(shape, ocispec.MediaTypeImageLayerGzip, each.blob))
	}
	manifest.Config = document(t, shape, ocispec.MediaTypeImageConfig, config)
	described := document(t, shape, manifest.MediaType, manifest)
	described.Platform = &platform
	return described
}

// attestation is what BuildKit puts behind an image.
func attestation(t *testing.T, shape shapes.Shape, image ocispec.Descriptor) ocispec.Descriptor {
	t.Helper()
	statement := node.Blob(shape, "application/vnd.in-toto+json", []byte(`{"_type":"https://in-toto.io/Statement/v0.1","subject":"`+image.Digest.String()+`"}`))
	statement.Annotations = map[string]string{"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"}
	unknown := ocispec.Platform{OS: "unknown", Architecture: "unknown"}
	manifest := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Layers: []ocispec.Descriptor{statement},
		Config: document(t, shape, ocispec.MediaTypeImageConfig, ocispec.Image{
			Platform: unknown, RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{statement.Digest}},
		}),
	}
	described := document(t, shape, manifest.MediaType, manifest)
	described.Platform = &unknown
	described.Annotations = map[string]string{"vnd.docker.reference.digest": image.Digest.String(), "vnd.docker.reference.type": "attestation-manifest"}
	return described
}

func document(t *testing.T, shape shapes.Shape, mediaType string, value any) ocispec.Descriptor {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	described := node.Blob(shape, mediaType, text)
	shape.MediaTypes[described.Digest] = mediaType
	return described
}
