// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	dockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerConfig   = "application/vnd.docker.container.image.v1+json"
	dockerLayer    = "application/vnd.docker.image.rootfs.diff.tar.gzip"

	referenceDigest      = "org.opencontainers.reference.digest"
	referenceType        = "org.opencontainers.reference.type"
	referenceDescription = "org.opencontainers.reference.description"
)

// entry is a shape before it is built.
type entry struct {
	name, about string
	make        func(b *builder)
}

func build(table func() []entry, on ground) []Shape {
	var shapes []Shape
	for _, entry := range table() {
		shapes = append(shapes, entry.build(on))
	}
	return shapes
}

func (e entry) build(on ground) Shape {
	b := &builder{ground: on, platforms: map[digest.Digest]string{}}
	b.Shape = Shape{
		Name: e.name, About: e.about,
		Blobs: map[digest.Digest][]byte{}, MediaTypes: map[digest.Digest]string{}, Absent: map[digest.Digest]bool{},
		Configs: map[digest.Digest]digest.Digest{}, DigestTags: map[string]digest.Digest{},
		Request: Request{Match: "exact", Platforms: []ocispec.Platform{on.host}},
		Expect:  Expect{Status: "ok"},
	}
	e.make(b)
	for _, reference := range b.Expect.References {
		if reference.Digest != "" {
			b.References = append(b.References, reference.Digest)
		}
	}
	return b.Shape
}

// builder gathers a shape's content.
type builder struct {
	Shape
	ground
	platforms map[digest.Digest]string // of each image manifest, as its config says
}

func encode(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("shapes: %v", err)) // only what a shape's author wrote can do that
	}
	return text
}

// blob adds bytes, and describes them.
func (b *builder) blob(mediaType string, bytes []byte) ocispec.Descriptor {
	described := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(bytes), Size: int64(len(bytes))}
	b.Blobs[described.Digest] = bytes
	return described
}

// document adds the bytes of a manifest or an index, to be pushed after what was added before.
func (b *builder) document(mediaType string, bytes []byte) ocispec.Descriptor {
	described := b.blob(mediaType, bytes)
	if _, known := b.MediaTypes[described.Digest]; !known {
		b.Manifests = append(b.Manifests, described.Digest)
	}
	b.MediaTypes[described.Digest] = mediaType
	return described
}

// absent takes it away from the registry.
func (b *builder) absent(gone ocispec.Descriptor) {
	b.Absent[gone.Digest] = true
	b.ServeBytes = true
}

// program is the image: an image of one layer that prints which one it is.
type program struct {
	says     string // what running prints after "image: "
	platform ocispec.Platform
	docker   bool
	change   func(*ocispec.Manifest, *ocispec.Image)
}

// image adds an image; its descriptor declares the platform.
func (b *builder) image(p program) ocispec.Descriptor {
	config := ocispec.Image{
		Platform: p.platform,
		Config:   ocispec.ImageConfig{Cmd: []string{Busybox, "echo", "image: " + p.says}, Env: []string{"PATH=/bin"}},
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{b.diffID}},
	}
	layer := b.layer
	manifest := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest}
	manifest.SchemaVersion = 2
	configType := ocispec.MediaTypeImageConfig
	if p.docker {
		manifest.MediaType, configType, layer.MediaType = dockerManifest, dockerConfig, dockerLayer
	}
	manifest.Config.MediaType = configType
	manifest.Layers = []ocispec.Descriptor{layer}
	if p.change != nil {
		p.change(&manifest, &config)
	}
	manifest.Config = b.blob(manifest.Config.MediaType, encode(config))
	if b.layerBytes != nil {
		b.Blobs[b.layer.Digest] = b.layerBytes
	}
	described := b.document(manifest.MediaType, encode(manifest))
	described.Platform = &p.platform
	b.Configs[described.Digest] = manifest.Config.Digest
	b.platforms[described.Digest] = platformName(p.platform)
	return described
}

// right is the image that a pull must end up with.
func (b *builder) right() ocispec.Descriptor {
	b.Output = "image: " + b.Name
	return b.image(program{says: b.Name, platform: b.host})
}

// wrong is an image that would run too, and must not be the one that does.
func (b *builder) wrong(which string) ocispec.Descriptor {
	return b.image(program{says: b.Name + ", wrongly the " + which, platform: b.host})
}

// foreign is the image of the other platform.
func (b *builder) foreign() ocispec.Descriptor {
	return b.image(program{says: b.Name + ", on the wrong platform", platform: b.other})
}

// artifact adds an OCI artifact manifest with one payload. Its descriptor says nothing: see mark.
func (b *builder) artifact(artifactType, payload string, changes ...func(*ocispec.Manifest)) ocispec.Descriptor {
	manifest := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, ArtifactType: artifactType}
	manifest.SchemaVersion = 2
	manifest.Config = b.blob(ocispec.MediaTypeEmptyJSON, []byte("{}"))
	manifest.Layers = []ocispec.Descriptor{b.blob(artifactType, []byte(payload))}
	for _, change := range changes {
		change(&manifest)
	}
	return b.document(manifest.MediaType, encode(manifest))
}

// sbom adds an artifact that is an SBOM of the subject and is marked as one, as Proposal F has it: with no platform.
func (b *builder) sbom(subject ocispec.Descriptor) ocispec.Descriptor {
	return mark(b.artifact("application/spdx+json", sbomText(b.Name, subject)), subject.Digest, "sbom")
}

// signature adds an artifact that is a signature of the subject, marked likewise.
func (b *builder) signature(subject ocispec.Descriptor) ocispec.Descriptor {
	payload := `{"critical":{"image":{"docker-manifest-digest":"` + subject.Digest.String() + `"}}}`
	return mark(b.artifact("application/vnd.dev.cosign.simplesigning.v1+json", payload), subject.Digest, "signature")
}

func sbomText(name string, subject ocispec.Descriptor) string {
	return `{"spdxVersion":"SPDX-2.3","name":"` + name + `","comment":"packages of ` + subject.Digest.String() + `"}`
}

// index adds an OCI index.
func (b *builder) index(entries ...ocispec.Descriptor) ocispec.Descriptor {
	return b.indexOf(ocispec.MediaTypeImageIndex, entries...)
}

func (b *builder) indexOf(mediaType string, entries ...ocispec.Descriptor) ocispec.Descriptor {
	index := ocispec.Index{MediaType: mediaType, Manifests: slices.Clip(entries)}
	index.SchemaVersion = 2
	if index.Manifests == nil {
		index.Manifests = []ocispec.Descriptor{}
	}
	return b.document(mediaType, encode(index))
}

// indexWith adds an OCI index that says more of itself.
func (b *builder) indexWith(change func(*ocispec.Index), entries ...ocispec.Descriptor) ocispec.Descriptor {
	index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: slices.Clip(entries)}
	index.SchemaVersion = 2
	change(&index)
	return b.document(index.MediaType, encode(index))
}

// root makes an index of the entries the root.
func (b *builder) root(entries ...ocispec.Descriptor) {
	b.Root = b.index(entries...)
}

// selects expects the image at the end of the path, and nothing but the path to be followed.
func (b *builder) selects(image ocispec.Descriptor, path ...Place) {
	b.Selected = image.Digest
	b.Expect.Selections = append(b.Expect.Selections, Selection{
		Digest: image.Digest, Config: b.Configs[image.Digest], Platform: b.platforms[image.Digest], Path: path,
	})
	b.Expect.Children = append(b.Expect.Children, path...)
}

// needs expects the walk to ask for these, in this order.
func (b *builder) needs(digests ...digest.Digest) {
	b.Expect.Needs = slices.Concat([]digest.Digest{}, b.Expect.Needs, digests)
}

// asks expects the walk to ask for these documents, in this order; of an image, for its config too.
func (b *builder) asks(documents ...ocispec.Descriptor) {
	for _, document := range documents {
		b.needs(document.Digest)
		if config, is := b.Configs[document.Digest]; is {
			b.needs(config)
		}
	}
}

// at is an entry of an index.
func at(index ocispec.Descriptor, position uint32) Place {
	return Place{index.Digest, position}
}

// leavesOut expects that these are not followed although a plain containerd would.
func (b *builder) leavesOut(places ...Place) {
	b.Expect.LeftOut = append([]Place{}, places...)
}

// refuses expects an error with these words.
func (b *builder) refuses(status string, words ...string) {
	b.Expect = Expect{Status: status, ErrorContains: words}
	b.Output = ""
	b.Refusal = words
}

// mark makes the entry of an artifact say what it is about, as Proposal F has it.
func mark(artifact ocispec.Descriptor, subject digest.Digest, kind string) ocispec.Descriptor {
	return annotate(artifact, referenceDigest, subject.String(), referenceType, kind)
}

// annotate returns the descriptor with further annotations, given as key, value, key, value.
func annotate(described ocispec.Descriptor, pairs ...string) ocispec.Descriptor {
	annotations := maps.Clone(described.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	for i := 0; i < len(pairs); i += 2 {
		annotations[pairs[i]] = pairs[i+1]
	}
	described.Annotations = annotations
	return described
}

// on returns the descriptor with that platform declared.
func on(described ocispec.Descriptor, platform ocispec.Platform) ocispec.Descriptor {
	described.Platform = &platform
	return described
}

// bare returns the descriptor without a platform.
func bare(described ocispec.Descriptor) ocispec.Descriptor {
	described.Platform = nil
	return described
}

func typed(described ocispec.Descriptor, artifactType string) ocispec.Descriptor {
	described.ArtifactType = artifactType
	return described
}

// listed is how a marked artifact that is about something in the same index is listed.
func listed(artifact ocispec.Descriptor) Reference {
	return Reference{
		Digest: artifact.Digest, Subject: digest.Digest(artifact.Annotations[referenceDigest]),
		Type: artifact.Annotations[referenceType], Sources: []string{"index"}, Weak: "no",
	}
}

// lists expects these to be attached, in this order.
func (b *builder) lists(references ...Reference) {
	b.Expect.References = append([]Reference{}, references...)
}

func platformName(platform ocispec.Platform) string {
	parts := []string{platform.OS, platform.Architecture}
	if platform.Variant != "" {
		parts = append(parts, platform.Variant)
	}
	return strings.Join(parts, "/")
}
