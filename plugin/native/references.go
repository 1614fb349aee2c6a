// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package native

/*
#include "refract.h"
*/
import "C"

import (
	"unsafe"

	"github.com/opencontainers/go-digest"
)

// Source is where a reference was found. It is a bit, because several sources may list the same one.
type Source uint32

// The sources inside an image's index, and those elsewhere in its repository.
const (
	SourceIndex      Source = C.REFRACT_SOURCE_INDEX      // Proposal F: an entry of an extended index
	SourceAnnotation Source = C.REFRACT_SOURCE_ANNOTATION // Proposal F: a signature in annotations of the image's descriptor
	SourceBuildKit   Source = C.REFRACT_SOURCE_BUILDKIT   // an attestation manifest of BuildKit
	SourceSOCI       Source = C.REFRACT_SOURCE_SOCI       // a SOCI v2 index

	SourceDigestTag    Source = C.REFRACT_SOURCE_DIGEST_TAG    // Proposal F: an index under the digest tag of what it enhances
	SourceReferrersAPI Source = C.REFRACT_SOURCE_REFERRERS_API // distribution-spec, "Listing Referrers"
	SourceReferrersTag Source = C.REFRACT_SOURCE_REFERRERS_TAG // distribution-spec, "Referrers Tag Schema"
	SourceCosignTag    Source = C.REFRACT_SOURCE_COSIGN_TAG    // cosign's tags
)

// Names of the sources in s, in the order of their bits, e.g. "index".
func (s Source) Names() []string {
	var names []string
	for bit := Source(1); bit <= s && bit != 0; bit <<= 1 {
		if name := static(C.refract_source_name(C.uint32_t(s & bit))); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// SourceOf returns the source of that name, as [Source.Names] returns it; 0 if there is none.
func SourceOf(name string) Source {
	for bit := Source(1); bit != 0; bit <<= 1 {
		if name != "" && static(C.refract_source_name(C.uint32_t(bit))) == name {
			return bit
		}
	}
	return 0
}

// Answer is no, yes or unknown: a walk that stopped early does not know everything.
type Answer uint32

// The answers.
const (
	No      Answer = C.REFRACT_NO
	Yes     Answer = C.REFRACT_YES
	Unknown Answer = C.REFRACT_UNKNOWN
)

func (a Answer) String() string {
	switch a {
	case No:
		return "no"
	case Yes:
		return "yes"
	default:
		return "unknown"
	}
}

// Reference is something attached.
type Reference struct {
	Descriptor Descriptor    // of the artifact; an annotation has none: digest and media type are empty
	Subject    digest.Digest // the digest of its subject; empty if its entry has none, or a malformed one
	Malformed  string        // a malformed subject, control characters escaped
	Type       string        // reference type, else artifactType, else what the source implies; may be empty
	// ArtifactType is its descriptor's or, if that has none, the one in its bytes; empty if it is not known.
	ArtifactType string
	OtherTypes   []string // types of its further entries, and those in its bytes: each once, sorted
	Kinds        Kinds    // of all its types
	Description  string
	Annotation   string // key of an inline annotation
	Value        string // its value: the content itself
	Sources      Source
	Weak         Answer // yes: its subject is not listed in the root or a nested index
	Wanted       bool   // the request's policy wants it fetched
	Tag          string // under which it was found; empty if an index on the path to the image lists it
	Unread       bool   // its entry is incomplete, and its bytes were not read: its subject and kinds may be missing
	Place        Place  // the first entry that lists it; [None] twice if it is not in the index
}

// IsOf tells whether the reference is of that kind or, if that names no kind, of exactly that type.
func (r *Reference) IsOf(asked string) bool {
	return isOf(asked, r.Kinds, append(r.OtherTypes[:len(r.OtherTypes):len(r.OtherTypes)], r.Type, r.ArtifactType)...)
}

// NodeKind is the kind of a node in the tree.
type NodeKind uint32

// The kinds of nodes. A subject node is a subject that no index lists: weak references are its children.
const (
	NodeIndex     NodeKind = C.REFRACT_NODE_INDEX
	NodeImage     NodeKind = C.REFRACT_NODE_IMAGE
	NodeReference NodeKind = C.REFRACT_NODE_REFERENCE
	NodeSubject   NodeKind = C.REFRACT_NODE_SUBJECT
)

// NodeFlags say more about a node.
type NodeFlags uint32

// The flags of nodes.
const (
	NodeRepeated NodeFlags = C.REFRACT_NODE_REPEATED // shown before: a cycle ends here, or a second path leads here
	NodeUnread   NodeFlags = C.REFRACT_NODE_UNREAD   // an index that was not read
	NodeSelected NodeFlags = C.REFRACT_NODE_SELECTED // the selected image
)

// Node is one line of the tree. Nodes are in display order, the root first, at depth 0.
type Node struct {
	Kind       NodeKind
	Depth      int
	Flags      NodeFlags
	Reference  int        // index in the list of references, or -1
	Descriptor Descriptor // of the index, image or reference; a subject has only a digest
}

// References are what is attached: a list in document order, each once, and a tree of it.
type References struct {
	List []Reference
	Tree []Node
	// Notices say what could not be looked for or read, and why.
	Notices []string
}

func newReferences(from *C.refract_references) *References {
	list := unsafe.Slice(from.references, int(from.count))
	tree := unsafe.Slice(from.tree, int(from.tree_count))
	references := &References{List: make([]Reference, len(list)), Tree: make([]Node, len(tree))}
	var text text
	for i := range list {
		references.List[i] = Reference{
			Descriptor:   text.descriptor(&list[i].descriptor),
			Subject:      digest.Digest(text.copy(list[i].subject)),
			Malformed:    text.copy(list[i].malformed),
			Type:         text.copy(list[i]._type),
			OtherTypes:   text.copies(list[i].other_types, list[i].other_types_count),
			Description:  text.copy(list[i].description),
			Annotation:   text.copy(list[i].annotation),
			Value:        text.copy(list[i].value),
			Sources:      Source(list[i].sources),
			Weak:         Answer(list[i].weak),
			Wanted:       list[i].wanted != 0,
			Tag:          text.copy(list[i].tag),
			ArtifactType: text.copy(list[i].artifact_type),
			Kinds:        Kinds(list[i].kinds),
			Unread:       list[i].unread != 0,
			Place:        place(list[i].place),
		}
	}
	references.Notices = text.copies(from.notices, from.notices_count)
	for i := range tree {
		reference := -1
		if uint32(tree[i].reference) != None {
			reference = int(tree[i].reference)
		}
		references.Tree[i] = Node{
			Kind:       NodeKind(tree[i].kind),
			Depth:      int(tree[i].depth),
			Flags:      NodeFlags(tree[i].flags),
			Reference:  reference,
			Descriptor: text.descriptor(&tree[i].descriptor),
		}
	}
	return references
}
