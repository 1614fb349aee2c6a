// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>

#include "base/limits.h"
#include "oci/json.h"
#include "oci/media_type.h"

namespace refract::oci {

/// The top level that indexes and manifests share, read once for both: what a document is comes from its bytes, never
/// from a header (CVE-2021-41190).
struct document_root {
    media_kind structure = media_kind::other;
    std::string_view media_type;  ///< as the document says of itself; may be empty
    std::string_view artifact_type;
    std::optional<json_element> manifests;
    std::optional<json_element> config;
    std::optional<json_element> layers;
    std::optional<json_element> subject;
    std::optional<json_element> annotations;  ///< an object
};

/// Refuses what can be read as both an index and a manifest, what is neither, and Docker's schema 1.
status read_document_root(json_element value, document_root& into);

/// What unknown bytes are: an index or a manifest, and what they say of themselves. The bytes need not stay.
struct identity {
    media_kind kind = media_kind::other;
    /// What they say; else what they were served as, if that is of their kind; else OCI's.
    std::string media_type;
    /// As a list of referrers has it: of a manifest without one it is its config's media type (distribution-spec,
    /// "Listing Referrers"). May be empty.
    std::string artifact_type;
    std::string subject;  ///< digest of the subject, valid; or empty
};
/// Lists that are longer than limits::entries are refused.
result<identity> identify(json_reader& reader, std::span<const std::byte> bytes, std::string_view served_as = {},
                          std::uint32_t most_entries = limits{}.entries);

/// read_document_root, and a `type_mismatch` if the bytes are not of the wanted kind.
status read_document_root(json_element value, media_kind wanted, document_root& into);

}  // namespace refract::oci
