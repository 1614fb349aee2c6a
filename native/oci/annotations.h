// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string_view>

/// The one list of annotation keys that mean something to refract. All others are ignored (Proposal F: unknown
/// annotations MUST be ignored).
namespace refract::oci::annotation {

// Proposal F: an artifact's descriptor says what it is about.
inline constexpr std::string_view reference_digest = "org.opencontainers.reference.digest";
inline constexpr std::string_view reference_type = "org.opencontainers.reference.type";
inline constexpr std::string_view reference_description = "org.opencontainers.reference.description";

// BuildKit's attestation manifests.
inline constexpr std::string_view buildkit_digest = "vnd.docker.reference.digest";
inline constexpr std::string_view buildkit_type = "vnd.docker.reference.type";

// SOCI v2: the index manifest names the image that it is about.
inline constexpr std::string_view soci_image_digest = "com.amazon.soci.image-manifest-digest";

// Proposal F, "well-known annotations": signatures kept on the image's own descriptor, the first of which lists the
// names of the others.
inline constexpr std::string_view signatures_index = "org.opencontainers.signatures.index";
inline constexpr std::string_view cosign_signature = "dev.cosignproject.cosign/signature";
inline constexpr std::string_view sigstore_bundle = "dev.sigstore.cosign/bundle";
inline constexpr std::string_view sigstore_certificate = "dev.sigstore.cosign/certificate";
inline constexpr std::string_view sigstore_chain = "dev.sigstore.cosign/chain";

// What an attestation states: on BuildKit's layers, on cosign's, and on the manifest of a sigstore bundle, which also
// says whether it holds a statement or a plain signature.
inline constexpr std::string_view in_toto_predicate = "in-toto.io/predicate-type";
inline constexpr std::string_view cosign_predicate = "predicateType";
inline constexpr std::string_view bundle_predicate = "dev.sigstore.bundle.predicateType";
inline constexpr std::string_view bundle_content = "dev.sigstore.bundle.content";

// image-spec, image-layout.md: the tag of an entry of index.json.
inline constexpr std::string_view ref_name = "org.opencontainers.image.ref.name";

// containerd's and Docker's: the whole name, where the tag alone is in ref.name.
inline constexpr std::string_view containerd_image_name = "io.containerd.image.name";

// `cosign save`: what an entry of index.json is, by these values.
inline constexpr std::string_view cosign_kind = "kind";
inline constexpr std::string_view cosign_kind_image = "dev.cosignproject.cosign/image";
inline constexpr std::string_view cosign_kind_index = "dev.cosignproject.cosign/imageIndex";
inline constexpr std::string_view cosign_kind_signatures = "dev.cosignproject.cosign/sigs";
inline constexpr std::string_view cosign_kind_attestations = "dev.cosignproject.cosign/atts";

// image-spec, annotations.md: what a layer's file is called.
inline constexpr std::string_view title = "org.opencontainers.image.title";

// refract's own, in its records of what was found: where, under which tag, and further types of it, a line each.
inline constexpr std::string_view found_source = "io.refract.found.source";
inline constexpr std::string_view found_tag = "io.refract.found.tag";
inline constexpr std::string_view found_types = "io.refract.found.types";

}  // namespace refract::oci::annotation
