// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"encoding/base64"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// kinds: which members a document has, what it calls itself and what its registry calls it. The members count; what
// contradicts them is refused.
func kinds() []entry {
	members := []struct{ name, about string }{
		{"manifests", "has manifests"}, {"layers", "has config and layers"}, {"both", "has manifests, config and layers"},
	}
	names := []struct{ name, mediaType string }{
		{"nothing", ""}, {"oci-index", ocispec.MediaTypeImageIndex}, {"docker-list", dockerIndex},
		{"oci-manifest", ocispec.MediaTypeImageManifest}, {"docker-manifest", dockerManifest},
	}
	var entries []entry
	for _, has := range members {
		for _, calls := range names {
			for _, served := range names[1:3] {
				name := "kind-" + has.name + "-called-" + calls.name + "-served-as-" + served.name
				about := "a root that " + has.about + ", calls itself " + calls.name + " and is served as " + served.name
				entries = append(entries, entry{name, about, func(b *builder) {
					b.kind(has.name, calls.mediaType, served.mediaType)
				}})
			}
		}
	}
	return entries
}

func (b *builder) kind(has, calls, served string) {
	image := b.right()
	document := map[string]any{"schemaVersion": 2}
	if calls != "" {
		document["mediaType"] = calls
	}
	if has != "layers" {
		document["manifests"] = []ocispec.Descriptor{image}
	}
	if has != "manifests" {
		var manifest ocispec.Manifest
		decode(b.Blobs[image.Digest], &manifest)
		document["config"], document["layers"] = manifest.Config, manifest.Layers
	}
	b.Root = b.document(served, encode(document))
	callsIndex := calls == ocispec.MediaTypeImageIndex || calls == dockerIndex
	switch {
	case has == "manifests" && (callsIndex || calls == ""):
		b.selects(image, at(b.Root, 0))
		b.asks(image)
		return
	case has == "layers" && !callsIndex:
		b.refuses("type mismatch", b.Root.Digest.String())
	default: // an index and a manifest at once
		b.refuses("ambiguous", b.Root.Digest.String())
	}
	b.asks()
}

// inlined: entries that carry their content in data.
func inlined() []entry {
	with := func(described ocispec.Descriptor, content []byte) func([]byte) []byte {
		name := `"digest":"` + described.Digest.String() + `",`
		return swap(name, name+`"data":"`+base64.StdEncoding.EncodeToString(content)+`",`)
	}
	return []entry{
		{"data-right", "the image's entry carries its manifest", func(b *builder) {
			image := b.right()
			b.root(image)
			b.twist(with(image, b.Blobs[image.Digest]))
			b.selects(image, at(b.Root, 0)) // whether the manifest is asked for is free
		}},
		{"data-other-bytes", "the image's entry carries other bytes of the same size", func(b *builder) {
			image := b.right()
			b.root(image, b.wrong("second"))
			b.twist(with(image, []byte(strings.ToUpper(string(b.Blobs[image.Digest])))))
			b.refuses("digest mismatch", b.Root.Digest.String())
			b.asks()
		}},
		{"data-cut-off", "the image's entry carries the beginning of its manifest, as regctl image mod --data-max has left it: the manifest is asked for", func(b *builder) {
			image := b.right()
			b.root(image)
			b.twist(with(image, b.Blobs[image.Digest][:100]))
			b.selects(image, at(b.Root, 0))
			b.asks(image)
		}},
		{"data-of-artifact-other-bytes", "an artifact's entry carries other bytes of the same size: containerd would try to store them, a pull here never reads them", func(b *builder) {
			image := b.right()
			sbom := b.sbom(image)
			b.root(image, sbom)
			b.twist(with(sbom, []byte(strings.ToUpper(string(b.Blobs[sbom.Digest])))))
			b.selects(image, at(b.Root, 0))
			b.asks(image)
		}},
		{"data-of-other-platform-other-bytes", "the entry of another platform's image carries other bytes of the same size", func(b *builder) {
			image, foreign := b.right(), b.foreign()
			b.root(foreign, image)
			b.twist(with(foreign, []byte(strings.ToUpper(string(b.Blobs[foreign.Digest])))))
			b.selects(image, at(b.Root, 1))
			b.asks(image)
		}},
		{"data-of-config-cut-off", "the manifest's config carries its beginning: the config is asked for", func(b *builder) {
			image := b.right()
			var manifest ocispec.Manifest
			decode(b.Blobs[image.Digest], &manifest)
			config := manifest.Config.Digest
			manifest.Config.Data = b.Blobs[config][:10]
			changed := on(b.document(image.MediaType, encode(manifest)), b.host)
			b.Configs[changed.Digest], b.platforms[changed.Digest] = config, platformName(b.host)
			b.root(changed)
			b.selects(changed, at(b.Root, 0))
			b.asks(changed)
		}},
		{"data-of-config-other-bytes", "the manifest's config carries other bytes of the same size", func(b *builder) {
			image := b.right()
			var manifest ocispec.Manifest
			decode(b.Blobs[image.Digest], &manifest)
			manifest.Config.Data = []byte(strings.ToUpper(string(b.Blobs[manifest.Config.Digest])))
			changed := on(b.document(image.MediaType, encode(manifest)), b.host)
			b.root(changed, b.wrong("second"))
			b.refuses("digest mismatch", changed.Digest.String())
			b.needs(changed.Digest)
		}},
	}
}

// BadDigestPlaces are where BadDigestShapes put each of them.
var BadDigestPlaces = []string{"entry", "config", "layer", "subject", "reference", "containerd-subject"}

// BadDigestShapes are, for each place, an index of an image for this machine with each bad digest there. A bad reference is
// listed and the image runs; a bad digest in an annotation that is containerd's own business is ignored; every other one
// is refused. None is in tests/testdata, whose cases have the same digests on paper.
func BadDigestShapes() []Shape {
	ground := machine()
	var shapes []Shape
	for _, place := range BadDigestPlaces {
		for _, bad := range BadDigests() {
			one := entry{"bad-digest-" + place + "-" + bad.Name, "the " + place + "'s digest is bad: " + bad.Name, func(b *builder) {
				b.badDigest(place, digest.Digest(bad.Text))
			}}
			shapes = append(shapes, one.build(ground))
		}
	}
	return shapes
}

func (b *builder) badDigest(place string, bad digest.Digest) {
	b.ServeBytes = true
	describes := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: bad, Size: 2}
	image := b.right()
	var manifest ocispec.Manifest
	decode(b.Blobs[image.Digest], &manifest)
	switch place {
	case "entry":
		b.root(image, describes)
		b.refuses("malformed", "digest")
		return
	case "reference":
		artifact := annotate(b.artifact("application/vnd.example.scan+json", "{}"), referenceDigest, string(bad))
		b.root(artifact, image)
		b.selects(image, at(b.Root, 1))
		return
	case "containerd-subject":
		image = annotate(image, "io.containerd.manifest.subject", string(bad))
		b.root(image)
		b.selects(image, at(b.Root, 0))
		return
	case "config":
		manifest.Config.Digest = bad
	case "layer":
		manifest.Layers[0].Digest = bad
	case "subject":
		manifest.Subject = &describes
	}
	b.root(on(b.document(image.MediaType, encode(manifest)), b.host))
	b.refuses("malformed", "digest")
}
