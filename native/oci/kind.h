// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "oci/descriptor.h"

namespace refract::oci {

/// What people ask for when they ask for a reference, whoever made it and whatever its media type. Bits, because one
/// artifact may be of several kinds; numbered as refract_kind.
enum kind : std::uint32_t {
    kind_sbom = 1,
    kind_signature = 2,
    kind_provenance = 4,
    kind_attestation = 8,  ///< any in-toto statement
    kind_vex = 16,
    kind_vulnerabilities = 32,
    kind_soci = 64,
    kind_nydus = 128,
};

/// The kinds of a type. A type is anything that is known of an artifact: its reference type, its artifact type, the
/// media type of its config or of a layer, or the type of the predicate that it attests.
struct kind_of_type {
    std::string_view type;     ///< the whole type, or its beginning
    bool is_beginning = true;  ///< so that versions and suffixes ("+json", ";version=1.5") do not matter
    std::uint32_t kinds = 0;   ///< bits
    bool is_envelope = false;  ///< what is in it says more: a predicate, a signature
    bool is_payload = false;   ///< as a layer's media type: no part of a root file system
};

/// The one table of kinds, the first row that fits counts. native/oci/kinds.md shows it to people.
std::span<const kind_of_type> kinds_table() noexcept;

/// Bits of a type's kinds; 0 if it is not known.
std::uint32_t kinds_of(std::string_view type) noexcept;

/// Whether only what is inside tells what it is: a bundle, a statement, a manifest of attestations.
bool is_envelope(std::string_view type) noexcept;

/// A layer that is known to be no part of a root file system: in-toto, SPDX, CycloneDX, cosign, SOCI, Helm and the
/// like.
bool is_artifact_payload(std::string_view media_type) noexcept;

/// The type of what a sigstore bundle says it holds, by its annotations: of a predicate, else of a plain signature.
std::string_view type_in_bundle(std::string_view predicate, std::string_view content) noexcept;

/// What is known of a layer: its media type, and the predicates that it attests.
std::vector<std::string_view> types_of_layer(const descriptor& layer);

/// "sbom" for kind_sbom; empty for anything but one bit.
std::string_view kind_name(std::uint32_t kind) noexcept;

/// The bit of that name; 0 if it names no kind.
std::uint32_t kind_named(std::string_view name) noexcept;

}  // namespace refract::oci
