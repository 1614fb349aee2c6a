// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/references"
	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
)

func newListing(of *references.Listing) *refractv1.Listing {
	made := &refractv1.Listing{Image: of.Image, Target: newDescriptor(of.Target), UnreadIndexes: uint32(of.UnreadIndexes)}
	for _, notice := range of.Notices {
		made.Notices = append(made.Notices, valid(notice))
	}
	if of.Root.Digest != "" {
		made.Root = newDescriptor(of.Root)
	}
	return made
}

func newDescriptor(of ocispec.Descriptor) *refractv1.Descriptor {
	made := &refractv1.Descriptor{
		MediaType: valid(of.MediaType), Digest: valid(of.Digest.String()), Size: of.Size, ArtifactType: valid(of.ArtifactType),
	}
	if of.Platform != nil {
		made.Platform = &refractv1.Platform{
			Os: of.Platform.OS, Architecture: of.Platform.Architecture, Variant: of.Platform.Variant,
			OsVersion: of.Platform.OSVersion, OsFeatures: of.Platform.OSFeatures,
		}
	}
	return made
}

func newReference(of references.Reference) *refractv1.Reference {
	made := &refractv1.Reference{
		Subject: of.Subject.String(), MalformedSubject: of.Malformed, Type: of.Type, Description: of.Description, Tag: of.Tag, OtherTypes: of.OtherTypes,
		Kinds: of.Kinds.Names(), Unread: of.Unread, ArtifactType: of.ArtifactType, Annotation: of.Annotation, Value: of.Value, Sources: of.Sources.Names(), Weak: newAnswer(of.Weak), Present: newAnswer(of.Present),
	}
	if of.Descriptor.Digest != "" {
		made.Artifact = newDescriptor(of.Descriptor)
	}
	return made
}

func newAnswer(of native.Answer) refractv1.Answer {
	switch of {
	case native.No:
		return refractv1.Answer_ANSWER_NO
	case native.Yes:
		return refractv1.Answer_ANSWER_YES
	default:
		return refractv1.Answer_ANSWER_UNKNOWN
	}
}

// kinds are the kinds of nodes, and what they are called in messages.
var kinds = map[native.NodeKind]refractv1.NodeKind{
	native.NodeIndex:     refractv1.NodeKind_NODE_KIND_INDEX,
	native.NodeImage:     refractv1.NodeKind_NODE_KIND_IMAGE,
	native.NodeReference: refractv1.NodeKind_NODE_KIND_REFERENCE,
	native.NodeSubject:   refractv1.NodeKind_NODE_KIND_SUBJECT,
}

func newNode(of native.Node) *refractv1.Node {
	made := &refractv1.Node{
		Kind: kinds[of.Kind], Depth: uint32(of.Depth), Content: newDescriptor(of.Descriptor),
		Repeated: of.Flags&native.NodeRepeated != 0, Unread: of.Flags&native.NodeUnread != 0, Selected: of.Flags&native.NodeSelected != 0,
	}
	if of.Reference >= 0 {
		number := uint32(of.Reference)
		made.Reference = &number
	}
	return made
}

var roles = map[references.Role]refractv1.Role{
	references.RoleTarget:    refractv1.Role_ROLE_TARGET,
	references.RoleIndex:     refractv1.Role_ROLE_INDEX,
	references.RoleImage:     refractv1.Role_ROLE_IMAGE,
	references.RoleReference: refractv1.Role_ROLE_REFERENCE,
	references.RoleBlob:      refractv1.Role_ROLE_BLOB,
	references.RoleSubject:   refractv1.Role_ROLE_SUBJECT,
}

func newUse(of references.Use) *refractv1.Use {
	made := &refractv1.Use{
		Image: of.Image, Role: roles[of.Role], Digest: of.Digest.String(), Type: of.Type, Subject: of.Subject.String(),
		Path: make([]string, len(of.Path)),
	}
	for i, d := range of.Path {
		made.Path[i] = d.String()
	}
	return made
}

// valid is text as messages can carry it: what is not UTF-8 is replaced.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
