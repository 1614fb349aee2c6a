// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package shapes builds every shape of an index that refract must pull, refuse or list, in memory and always the same.
// Each shape says by hand what is expected of it: expectations come from the specification and the design, never from
// an implementation. The documents of all shapes are written to tests/testdata by ./generate, so that the native tests
// and the Go tests replay the same cases; the end-to-end tests push whole shapes to a registry, pull and run them.
package shapes

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Shape is one index (or single manifest) with everything it leads to, and what is expected of a pull.
type Shape struct {
	// Name is the folder's name in tests/testdata: behaviour in words.
	Name  string
	About string
	Root  ocispec.Descriptor
	// Blobs holds everything there is, by declared digest: documents, layers and payloads, the root too.
	Blobs map[digest.Digest][]byte
	// MediaTypes are those a registry serves manifests and indexes under.
	MediaTypes map[digest.Digest]string
	// Configs are those of the image manifests: an image's id.
	Configs map[digest.Digest]digest.Digest
	// Manifests is the order in which to push: children first, the root last.
	Manifests []digest.Digest
	// Absent are not to be had from the registry.
	Absent map[digest.Digest]bool
	// ServeBytes is set where distribution refuses the shape: serve its bytes as they are.
	ServeBytes bool
	// DigestTags are further tags of the repository: sha256-<hex> to a manifest's digest.
	DigestTags map[string]digest.Digest
	Request    Request
	Expect     Expect
	// Output is what running the image prints (without the line's end); empty: the pull must be refused.
	Output string
	// Refusal are words that the error has, besides those in Expect.ErrorContains.
	Refusal []string
	// Selected is the manifest that runs.
	Selected digest.Digest
	// References are the artifacts that are listed after a pull, in order.
	References []digest.Digest
}

// Request is what the walk is asked for; the zero Match and Mode mean exact and select.
type Request struct {
	Match          string             `json:"match,omitempty"`
	Platforms      []ocispec.Platform `json:"platforms,omitempty"`
	Mode           string             `json:"mode,omitempty"`
	OtherPlatforms bool               `json:"otherPlatforms,omitempty"`
	Fetch          bool               `json:"fetch,omitempty"`
	Types          []string           `json:"types,omitempty"`
	ConfigTypes    []string           `json:"configTypes,omitempty"`
	Limits         Limits             `json:"limits,omitzero"`
}

// Limits are those of refract_limits; zero means the default.
type Limits struct {
	DocumentBytes     uint64 `json:"documentBytes,omitempty"`
	ConfigBytes       uint64 `json:"configBytes,omitempty"`
	WalkBytes         uint64 `json:"walkBytes,omitempty"`
	JSONDepth         uint32 `json:"jsonDepth,omitempty"`
	Nesting           uint32 `json:"nesting,omitempty"`
	Documents         uint32 `json:"documents,omitempty"`
	AnnotationBytes   uint32 `json:"annotationBytes,omitempty"`
	ReferenceBlobs    uint32 `json:"referenceBlobs,omitempty"`
	FetchedReferences uint32 `json:"fetchedReferences,omitempty"`
	Entries           uint32 `json:"entries,omitempty"`
}

// Expect is what the walk must come to. What is nil is not compared; what is empty must be empty.
type Expect struct {
	Status          string          `json:"status"`
	ErrorContains   []string        `json:"errorContains,omitzero"`
	Selections      []Selection     `json:"selections,omitzero"`
	Needs           []digest.Digest `json:"needs,omitzero"`
	Children        []Place         `json:"children,omitzero"`
	LeftOut         []Place         `json:"leftOut,omitzero"`
	References      []Reference     `json:"references,omitzero"`
	ReferencesCount *int            `json:"referencesCount,omitempty"`
	UnreadIndexes   *int            `json:"unreadIndexes,omitempty"`
}

// Selection is the image chosen for one requested platform, or one of all images.
type Selection struct {
	Digest   digest.Digest `json:"digest"`
	Config   digest.Digest `json:"config"`
	Platform string        `json:"platform"`
	Path     []Place       `json:"path"`
}

// Reference is something attached. What is empty here is not compared, but for Wanted.
type Reference struct {
	Digest      digest.Digest `json:"digest,omitempty"`
	Subject     digest.Digest `json:"subject,omitempty"`
	Malformed   string        `json:"malformed,omitempty"`
	Type        string        `json:"type,omitempty"`
	OtherTypes  []string      `json:"otherTypes,omitempty"`
	Description string        `json:"description,omitempty"`
	Sources     []string      `json:"sources,omitempty"`
	Weak        string        `json:"weak,omitempty"`
	Annotation  string        `json:"annotation,omitempty"`
	Wanted      bool          `json:"wanted,omitempty"`
}

// Place is an entry of an index: the index's digest and the position in its manifests. In JSON: ["sha256:…", 3].
type Place struct {
	Document digest.Digest
	Position uint32
}

// MarshalJSON writes the pair.
func (p Place) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{p.Document, p.Position})
}

// UnmarshalJSON reads the pair.
func (p *Place) UnmarshalJSON(text []byte) error {
	pair := []any{&p.Document, &p.Position}
	if err := json.Unmarshal(text, &pair); err != nil {
		return fmt.Errorf("place %s: %w", text, err)
	}
	if len(pair) != 2 {
		return fmt.Errorf("place %s: want a digest and a position", text)
	}
	return nil
}

// EndToEnd returns every shape that is pulled through a real daemon, refused ones included. Its images run on this
// machine: their layer holds the machine's static busybox. It panics if there is none.
func EndToEnd() []Shape {
	return build(endToEnd, machine())
}

// Documents returns the shapes that are only in tests/testdata: cases of one document or one rule.
func Documents() []Shape {
	return build(documents, paper())
}

// PullableDocuments returns the same for this machine's platform and with a real layer, so that they can be pulled: those that ask
// for what a pull for this machine asks for, and whose root is what a registry says of it.
func PullableDocuments() []Shape {
	asked := Request{Platforms: []ocispec.Platform{machine().host}}
	return slices.DeleteFunc(build(documents, machine()), func(shape Shape) bool {
		request := shape.Request
		if request.Match == "exact" {
			request.Match = ""
		}
		served := shape.Root.Size == int64(len(shape.Blobs[shape.Root.Digest])) && shape.Root.MediaType == shape.MediaTypes[shape.Root.Digest]
		return !served || !reflect.DeepEqual(request, asked)
	})
}

// Entries are those of the root index, in their order.
func (s Shape) Entries() ([]ocispec.Descriptor, error) {
	var index ocispec.Index
	err := json.Unmarshal(s.Blobs[s.Root.Digest], &index)
	return index.Manifests, err
}

// WithRoot gives a shape another root, made from its own.
func (s Shape) WithRoot(change func(*ocispec.Index)) Shape {
	var index ocispec.Index
	decode(s.Blobs[s.Root.Digest], &index)
	change(&index)
	raw := encode(index)
	s.Blobs, s.MediaTypes = maps.Clone(s.Blobs), maps.Clone(s.MediaTypes)
	s.Manifests = slices.Clone(s.Manifests[:len(s.Manifests)-1])
	s.Root = ocispec.Descriptor{MediaType: s.Root.MediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	s.Blobs[s.Root.Digest], s.MediaTypes[s.Root.Digest] = raw, s.Root.MediaType
	s.Manifests = append(s.Manifests, s.Root.Digest)
	return s
}

// Testdata returns all shapes that a walk begins at, as tests/testdata holds them: on linux/amd64, with a layer that is
// only named. The single manifests are not among them, because refract does not read them.
func Testdata() []Shape {
	all := append(build(endToEnd, paper()), build(documents, paper())...)
	return slices.DeleteFunc(all, func(shape Shape) bool { return shape.Expect.Status == "" })
}

// ByName returns the end-to-end shape of that name; it panics if there is none.
func ByName(name string) Shape {
	for _, entry := range endToEnd() {
		if entry.name == name {
			return entry.build(machine())
		}
	}
	panic(fmt.Sprintf("shapes: no end-to-end shape is named %q", name))
}
