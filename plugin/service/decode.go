// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/references"
	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
)

func listingOf(from *refractv1.Listing) *references.Listing {
	return &references.Listing{
		Image: from.GetImage(), Target: descriptorOf(from.GetTarget()), Root: descriptorOf(from.GetRoot()), UnreadIndexes: int(from.GetUnreadIndexes()),
		Notices: from.GetNotices(),
	}
}

func descriptorOf(from *refractv1.Descriptor) ocispec.Descriptor {
	made := ocispec.Descriptor{
		MediaType: from.GetMediaType(), Digest: digest.Digest(from.GetDigest()), Size: from.GetSize(), ArtifactType: from.GetArtifactType(),
	}
	if platform := from.GetPlatform(); platform != nil {
		made.Platform = &ocispec.Platform{
			OS: platform.GetOs(), Architecture: platform.GetArchitecture(), Variant: platform.GetVariant(),
			OSVersion: platform.GetOsVersion(), OSFeatures: platform.GetOsFeatures(),
		}
	}
	return made
}

func referenceOf(from *refractv1.Reference) references.Reference {
	made := references.Reference{
		Reference: native.Reference{
			Descriptor: descriptorOf(from.GetArtifact()), Subject: digest.Digest(from.GetSubject()), Malformed: from.GetMalformedSubject(),
			Type: from.GetType(), Description: from.GetDescription(), Tag: from.GetTag(), Annotation: from.GetAnnotation(), Value: from.GetValue(),
			ArtifactType: from.GetArtifactType(), OtherTypes: from.GetOtherTypes(), Unread: from.GetUnread(), Weak: answerOf(from.GetWeak()),
		},
		Present: answerOf(from.GetPresent()),
	}
	for _, name := range from.GetKinds() {
		made.Kinds |= native.KindNamed(name)
	}
	for _, name := range from.GetSources() {
		made.Sources |= native.SourceOf(name)
	}
	return made
}

func answerOf(from refractv1.Answer) native.Answer {
	switch from {
	case refractv1.Answer_ANSWER_NO:
		return native.No
	case refractv1.Answer_ANSWER_YES:
		return native.Yes
	default:
		return native.Unknown
	}
}

func nodeOf(from *refractv1.Node) native.Node {
	made := native.Node{
		Kind: keyOf(kinds, from.GetKind()), Depth: int(from.GetDepth()), Descriptor: descriptorOf(from.GetContent()), Reference: -1,
	}
	if from.Reference != nil {
		made.Reference = int(from.GetReference())
	}
	for flag, set := range map[native.NodeFlags]bool{
		native.NodeRepeated: from.GetRepeated(), native.NodeUnread: from.GetUnread(), native.NodeSelected: from.GetSelected(),
	} {
		if set {
			made.Flags |= flag
		}
	}
	return made
}

func useOf(from *refractv1.Use) references.Use {
	made := references.Use{
		Image: from.GetImage(), Role: keyOf(roles, from.GetRole()), Digest: digest.Digest(from.GetDigest()), Type: from.GetType(),
		Subject: digest.Digest(from.GetSubject()),
	}
	for _, d := range from.GetPath() {
		made.Path = append(made.Path, digest.Digest(d))
	}
	return made
}

// keyOf is what a table calls so; nothing for what only a later version knows.
func keyOf[Key, Value comparable](table map[Key]Value, value Value) Key {
	for key, one := range table {
		if one == value {
			return key
		}
	}
	var none Key
	return none
}
