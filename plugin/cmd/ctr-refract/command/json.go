// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/references"
)

// schemaVersion is raised when a field changes its meaning or is removed. A new field does not raise it.
const schemaVersion = 1

// listingJSON is what `references ls --output json` prints.
type listingJSON struct {
	SchemaVersion int    `json:"schemaVersion"`
	Image         string `json:"image"`
	// Target is what the image record points at.
	Target documentJSON `json:"target"`
	// Index is what the image was pulled from; null if no index is known. References may be attached elsewhere even then.
	Index *documentJSON `json:"index"`
	// UnreadIndexes is how many nested indexes the node does not have: their content is not known.
	UnreadIndexes int `json:"unreadIndexes"`
	// Notices say what was not looked for, and why, one line each.
	Notices    []string        `json:"notices"`
	References []referenceJSON `json:"references"`
}

// treeJSON is what `references tree --output json` prints: a listing, and its tree line by line.
type treeJSON struct {
	listingJSON
	// Tree has its nodes in display order, the root first.
	Tree []nodeJSON `json:"tree"`
}

type documentJSON struct {
	MediaType string        `json:"mediaType"`
	Digest    digest.Digest `json:"digest"`
	Size      int64         `json:"size"`
}

// referenceJSON is one reference. Fields without a value are left out.
type referenceJSON struct {
	// Digest, MediaType, Size and Platform are the artifact's descriptor. ArtifactType is the descriptor's or, if it has none,
	// the one in the artifact's bytes. An inline annotation has only a size.
	Digest       digest.Digest     `json:"digest,omitempty"`
	MediaType    string            `json:"mediaType,omitempty"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Size         int64             `json:"size"`
	Platform     *ocispec.Platform `json:"platform,omitempty"`
	// Kinds say what it is, whatever tool made it: sbom, signature, provenance, attestation, vex, vulnerabilities, soci, nydus.
	Kinds []string `json:"kinds,omitempty"`
	// Type is the reference type, else the artifactType, else the one that the source implies.
	Type string `json:"type,omitempty"`
	// OtherTypes are its other types: those of its further entries, and those in its bytes.
	OtherTypes  []string `json:"otherTypes,omitempty"`
	Description string   `json:"description,omitempty"`
	// Subject is the digest of its subject. MalformedSubject is a subject that is not a digest, escaped.
	Subject          digest.Digest `json:"subject,omitempty"`
	MalformedSubject string        `json:"malformedSubject,omitempty"`
	// Annotation is the key of an inline annotation, and Value the content that it holds.
	Annotation string  `json:"annotation,omitempty"`
	Value      *string `json:"value,omitempty"`
	// Sources say where it was found: in the index (index, annotation, buildkit, soci), or elsewhere during the pull
	// (digest-tag, referrers-api, referrers-tag, cosign-tag).
	Sources []string `json:"sources"`
	// Tag is the tag of the artifact, or of the index that lists it, if that is not the image's own index.
	Tag string `json:"tag,omitempty"`
	// Weak tells whether its subject is unlisted: no, yes, unknown.
	Weak string `json:"weak"`
	// Present tells whether the node has all of its content: no, yes, unknown.
	Present string `json:"present"`
	// Unread tells that its entry is incomplete and that its bytes were not here to be read. Subject and kinds may be missing.
	Unread bool `json:"unread,omitempty"`
}

// nodeJSON is one line of the tree.
type nodeJSON struct {
	// Kind is index, image, reference or subject. A subject is a digest that no index lists and that a reference names.
	Kind      string            `json:"kind"`
	Depth     int               `json:"depth"`
	Digest    digest.Digest     `json:"digest,omitempty"`
	MediaType string            `json:"mediaType,omitempty"`
	Size      int64             `json:"size,omitempty"`
	Platform  *ocispec.Platform `json:"platform,omitempty"`
	// Reference is its index in the list of references.
	Reference *int `json:"reference,omitempty"`
	Repeated  bool `json:"repeated,omitempty"`
	Unread    bool `json:"unread,omitempty"`
	Selected  bool `json:"selected,omitempty"`
}

func newListingJSON(listing *references.Listing, found []references.Reference) listingJSON {
	made := listingJSON{
		SchemaVersion: schemaVersion,
		Image:         listing.Image,
		Target:        newDocumentJSON(listing.Target),
		UnreadIndexes: listing.UnreadIndexes,
		Notices:       append([]string{}, listing.Notices...),
		References:    []referenceJSON{},
	}
	if listing.Root.Digest != "" && !listing.Alone() {
		root := newDocumentJSON(listing.Root)
		made.Index = &root
	}
	for _, reference := range found {
		made.References = append(made.References, newReferenceJSON(reference))
	}
	return made
}

func newReferenceJSON(reference references.Reference) referenceJSON {
	made := referenceJSON{
		Digest:           reference.Descriptor.Digest,
		MediaType:        reference.Descriptor.MediaType,
		ArtifactType:     reference.ArtifactType,
		Size:             sizeOf(reference),
		Platform:         reference.Descriptor.Platform,
		Kinds:            reference.Kinds.Names(),
		Type:             reference.Type,
		OtherTypes:       reference.OtherTypes,
		Description:      reference.Description,
		Tag:              reference.Tag,
		Subject:          reference.Subject,
		MalformedSubject: reference.Malformed,
		Annotation:       reference.Annotation,
		Sources:          reference.Sources.Names(),
		Weak:             reference.Weak.String(),
		Present:          reference.Present.String(),
		Unread:           reference.Unread,
	}
	if reference.Annotation != "" {
		made.Value = &reference.Value
	}
	return made
}

func newTreeJSON(listing *references.Listing) treeJSON {
	made := treeJSON{listingJSON: newListingJSON(listing, listing.References), Tree: []nodeJSON{}}
	for _, node := range listing.Tree {
		line := nodeJSON{
			Kind:      kindText(node.Kind),
			Depth:     node.Depth,
			Digest:    node.Descriptor.Digest,
			MediaType: node.Descriptor.MediaType,
			Size:      node.Descriptor.Size,
			Platform:  node.Descriptor.Platform,
			Repeated:  node.Flags&native.NodeRepeated != 0,
			Unread:    node.Flags&native.NodeUnread != 0,
			Selected:  node.Flags&native.NodeSelected != 0,
		}
		if node.Reference >= 0 {
			line.Reference = &node.Reference
		}
		made.Tree = append(made.Tree, line)
	}
	return made
}

func newDocumentJSON(of ocispec.Descriptor) documentJSON {
	return documentJSON{MediaType: of.MediaType, Digest: of.Digest, Size: of.Size}
}

// writeJSON prints for programs, and escapes what is not ASCII. JSON does not require that, but such text could control a
// terminal.
func writeJSON(to io.Writer, value any) error { return encodeJSON(to, value, "  ") }

// writeJSONLine prints a value on one line.
func writeJSONLine(to io.Writer, value any) error { return encodeJSON(to, value, "") }

func encodeJSON(to io.Writer, value any, indent string) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	var safe bytes.Buffer
	for _, r := range text.String() {
		switch {
		case r < 0x7f:
			safe.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&safe, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&safe, `\u%04x`, r)
		}
	}
	_, err := safe.WriteTo(to)
	return err
}
