// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package references

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
)

// Artifact is a reference whose manifest the store has.
type Artifact struct {
	Reference Reference
	// Layers hold what is attached. Of a plain blob it is the blob itself; an index has none.
	Layers []Layer
	// Manifest is the manifest or index, byte for byte; nil for a plain blob and an inline annotation.
	Manifest []byte
}

// Layer is one piece of an artifact.
type Layer struct {
	ocispec.Descriptor
	// Title is what the artifact's maker calls it, verbatim: it must not become a file's name unchecked.
	Title string
	// Types are what is known of it: its media type and the predicates that it attests.
	Types native.LayerTypes
	// inline is the content itself, where an annotation holds it.
	inline []byte
}

// Open reads what an artifact consists of. It is errdefs.ErrNotFound if the store does not have its manifest.
func Open(ctx context.Context, store content.Provider, reference Reference) (*Artifact, error) {
	desc := reference.Descriptor
	opened := &Artifact{Reference: reference}
	if desc.Digest == "" {
		value := []byte(reference.Value)
		opened.Layers = []Layer{{Descriptor: ocispec.Descriptor{Size: int64(len(value))}, Title: reference.Annotation, inline: value}}
		return opened, nil
	}
	if err := desc.Digest.Validate(); err != nil {
		return nil, fmt.Errorf("reference %s: its content cannot be checked: %w: %w", desc.Digest, err, errdefs.ErrNotImplemented)
	}
	switch native.MediaTypeKind(desc.MediaType) {
	case native.KindManifest:
		manifest, raw, err := readManifest(ctx, store, desc)
		if err != nil {
			return nil, err
		}
		opened.Manifest = raw
		titles := titlesOf(raw)
		for i, layer := range manifest.Layers {
			opened.Layers = append(opened.Layers, Layer{Descriptor: layer, Types: manifest.LayerTypes[i]})
			if i < len(titles) {
				opened.Layers[i].Title = titles[i]
			}
		}
	case native.KindIndex:
		raw, err := read(ctx, store, desc, native.DefaultLimits().DocumentBytes)
		if err != nil {
			return nil, fmt.Errorf("index %s: %w", desc.Digest, err)
		}
		if err := native.VerifyDigest(desc.Digest.String(), raw); err != nil {
			return nil, err
		}
		opened.Manifest = raw
	default:
		opened.Layers = []Layer{{Descriptor: desc}}
	}
	return opened, nil
}

// titlesOf reads the layers' titles from a manifest that was read strictly, so that Go sees in it what C++ saw.
func titlesOf(raw []byte) []string {
	var manifest struct {
		Layers []struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"layers"`
	}
	if json.Unmarshal(raw, &manifest) != nil {
		return nil
	}
	titles := make([]string, len(manifest.Layers))
	for i, layer := range manifest.Layers {
		titles[i] = layer.Annotations[ocispec.AnnotationTitle]
	}
	return titles
}

// LayersOf are the layers of a kind or, if that names no kind, of exactly a type.
func (a *Artifact) LayersOf(asked string) []Layer {
	var found []Layer
	for _, layer := range a.Layers {
		if layer.Types.IsOf(asked) {
			found = append(found, layer)
		}
	}
	return found
}

// Layer finds one by its number, counted from 0, or by its digest or the beginning of one.
//
// What is short enough to be a number is one and no beginning of a digest: a number too high must not find another layer.
func (a *Artifact) Layer(name string) (Layer, error) {
	var found []Layer
	number, err := strconv.ParseUint(name, 10, 16)
	for i, layer := range a.Layers {
		if err == nil {
			if number == uint64(i) {
				return layer, nil
			}
			continue
		}
		whole := layer.Digest.String()
		_, hex, _ := strings.Cut(whole, ":")
		if whole != "" && (strings.HasPrefix(whole, name) || strings.HasPrefix(hex, name)) {
			found = append(found, layer)
		}
	}
	for _, layer := range found {
		// The same content twice is one answer.
		if layer.Digest != found[0].Digest {
			return Layer{}, fmt.Errorf("layer %q: several digests begin so: %w", name, errdefs.ErrInvalidArgument)
		}
	}
	if len(found) == 0 {
		return Layer{}, fmt.Errorf("layer %q: %s has no such layer, it has %d, numbered from 0: %w",
			name, a.Reference.Descriptor.Digest, len(a.Layers), errdefs.ErrNotFound)
	}
	return found[0], nil
}

// Clone is a layer that holds on to nothing of what it was read from.
func (l Layer) Clone() Layer {
	made := Layer{Title: strings.Clone(l.Title), inline: slices.Clone(l.inline), Descriptor: ocispec.Descriptor{
		MediaType: strings.Clone(l.MediaType), Digest: digest.Digest(strings.Clone(string(l.Digest))), Size: l.Size,
		ArtifactType: strings.Clone(l.ArtifactType),
	}}
	if l.Platform != nil {
		made.Platform = &ocispec.Platform{
			Architecture: strings.Clone(l.Platform.Architecture), OS: strings.Clone(l.Platform.OS), Variant: strings.Clone(l.Platform.Variant),
			OSVersion: strings.Clone(l.Platform.OSVersion), OSFeatures: slices.Clone(l.Platform.OSFeatures),
		}
	}
	return made
}

// Write streams a layer's bytes, and fails if they turn out not to be those that its descriptor names. What was written by then
// must not be used.
func (l Layer) Write(ctx context.Context, store content.Provider, to io.Writer) error {
	if l.inline != nil || l.Digest == "" {
		_, err := io.Copy(to, bytes.NewReader(l.inline))
		return err
	}
	if err := l.Digest.Validate(); err != nil {
		return fmt.Errorf("layer %s: %w: %w", l.Digest, err, errdefs.ErrInvalidArgument)
	}
	reader, err := store.ReaderAt(ctx, ocispec.Descriptor{MediaType: l.MediaType, Digest: l.Digest, Size: l.Size})
	if err != nil {
		return fmt.Errorf("layer %s: %w", l.Digest, err)
	}
	defer reader.Close()
	if reader.Size() != l.Size {
		return fmt.Errorf("layer %s: size mismatch: want %d bytes, the content store has %d: %w", l.Digest, l.Size, reader.Size(), errdefs.ErrDataLoss)
	}
	verifier := l.Digest.Verifier()
	if _, err := io.Copy(io.MultiWriter(to, verifier), io.NewSectionReader(reader, 0, l.Size)); err != nil {
		return fmt.Errorf("layer %s: %w", l.Digest, err)
	}
	if !verifier.Verified() {
		return fmt.Errorf("layer %s: digest mismatch: the content store's bytes are not those, do not use what was written: %w", l.Digest, errdefs.ErrDataLoss)
	}
	return nil
}
