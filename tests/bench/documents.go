// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// MaxIndexBytes is the largest index that refract reads.
const MaxIndexBytes = 4 << 20

// Document is one that a registry would hold.
type Document struct {
	Descriptor ocispec.Descriptor
	Bytes      []byte
}

// Index is an index with the documents that selecting linux/amd64 from it takes.
type Index struct {
	Name     string
	Root     Document
	Entries  int
	Manifest Document
	Config   Document
}

// document writes JSON as BuildKit does, indented, or without spaces.
func document(mediaType string, content any, indent string) Document {
	raw, err := json.Marshal(content)
	if indent != "" {
		raw, err = json.MarshalIndent(content, "", indent)
	}
	if err != nil {
		panic(err) // what is written here can always be marshalled
	}
	return Document{ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}, raw}
}

var targets = []string{"amd64", "arm64", "arm/v7", "arm/v6", "386", "ppc64le", "s390x"}

// SmallIndex is A: what BuildKit makes of seven platforms, each with its attestations.
func SmallIndex() Index {
	return newIndex("A", 2*len(targets), "  ", func(*ocispec.Descriptor) {})
}

// LargeIndex is B: about 9,900 such entries, without spaces, as many as 4 MiB hold. Attestations carry the marks of Proposal F besides.
func LargeIndex() Index {
	mark := func(entry *ocispec.Descriptor) {
		if of := entry.Annotations["vnd.docker.reference.digest"]; of != "" {
			entry.Annotations["org.opencontainers.reference.digest"] = of
			entry.Annotations["org.opencontainers.reference.type"] = "attestation"
			entry.Annotations["org.opencontainers.reference.description"] = "provenance of the build, and an SBOM of it"
		}
	}
	count := 9900
	for {
		if index := newIndex("B", count, "", mark); len(index.Root.Bytes) <= MaxIndexBytes {
			return index
		}
		count -= 2
	}
}

func newIndex(name string, count int, indent string, mark func(*ocispec.Descriptor)) Index {
	config := document(ocispec.MediaTypeImageConfig, map[string]any{
		"architecture": "amd64", "os": "linux",
		"rootfs": map[string]any{"type": "layers", "diff_ids": []digest.Digest{digest.FromString("layer")}},
	}, indent)
	layer := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: digest.FromString("gzip"), Size: 3_208_942}
	manifest := document(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Config: config.Descriptor, Layers: []ocispec.Descriptor{layer},
	}, indent)
	entries := make([]ocispec.Descriptor, 0, count)
	for i := 0; i < count; i += 2 {
		image := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(strconv.Itoa(i)), Size: 1024 + int64(i)}
		if i == 0 {
			image = manifest.Descriptor
		}
		architecture, variant, _ := strings.Cut(targets[i/2%len(targets)], "/")
		image.Platform = &ocispec.Platform{Architecture: architecture, OS: "linux", Variant: variant}
		attestation := ocispec.Descriptor{
			MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("attestation " + strconv.Itoa(i)), Size: 566,
			Annotations: map[string]string{
				"vnd.docker.reference.digest": image.Digest.String(),
				"vnd.docker.reference.type":   "attestation-manifest",
			},
			Platform: &ocispec.Platform{Architecture: "unknown", OS: "unknown"},
		}
		mark(&attestation)
		entries = append(entries, image, attestation)
	}
	root := document(ocispec.MediaTypeImageIndex, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: entries,
	}, indent)
	return Index{Name: name, Root: root, Entries: len(entries), Manifest: manifest, Config: config}
}

// String says what an index is, for the table's head.
func (i Index) String() string {
	return fmt.Sprintf("%s: %d entries, %d bytes", i.Name, i.Entries, len(i.Root.Bytes))
}
