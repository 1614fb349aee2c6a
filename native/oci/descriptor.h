// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "oci/digest.h"
#include "oci/json.h"
#include "oci/media_type.h"
#include "oci/platform.h"

namespace refract::oci {

/// Which families of known annotations a descriptor carries; bits.
enum class mark : std::uint8_t {
    none = 0,
    reference = 1,         ///< Proposal F: org.opencontainers.reference.{digest,type}
    buildkit = 2,          ///< vnd.docker.reference.{digest,type}
    soci = 4,              ///< SOCI v2 index
    inline_signature = 8,  ///< Proposal F: signatures of the described thing itself; do not make it an artifact
};

constexpr mark operator|(mark a, mark b) noexcept {
    return static_cast<mark>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}
constexpr bool has(mark marks, mark one) noexcept {
    return (static_cast<std::uint8_t>(marks) & static_cast<std::uint8_t>(one)) != 0;
}

/// What `data`, the content inside its descriptor, is worth (image-spec, descriptor.md, "Embedded Content").
enum class embedded : std::uint8_t {
    none,
    right,      ///< it is what digest and size name
    unfitting,  ///< of another length: nobody takes it for the content, and some refuse it
    wrong,  ///< of the right length, and other bytes, or nobody can tell: containerd tries to store it as the content
};

/// Marks of what is attached to something else, whatever it may look like.
inline constexpr mark about_another = mark::reference | mark::buildkit | mark::soci;

inline constexpr std::uint32_t no_platform = UINT32_MAX;

/// image-spec, descriptor.md. Views into the document; the platform is a number in the document's own list.
struct descriptor {
    std::string_view media_type;
    std::string_view digest;
    std::string_view artifact_type;
    std::int64_t size = 0;
    std::uint32_t platform = no_platform;
    media_kind kind = media_kind::other;
    digest_algorithm algorithm = digest_algorithm::other;
    mark marks = mark::none;
    embedded data = embedded::none;
    bool annotated = false;
    json_element annotations;  ///< to be read only if annotated
};

/// Reads one descriptor strictly: mediaType, digest and size must be there, the digest well-formed, the size a whole
/// number that is not negative, `data` base64. Whether that is the content is noted; it is never used in its place.
/// `urls` are checked for type and ignored.
status read_descriptor(json_element value, const limits& limits, descriptor& into, std::vector<platform>& platforms);

/// Reads a list of them behind what is there. It is counted before a single one is looked at: many small ones take more
/// memory and time than their bytes.
status read_descriptors(json_element list, const limits& limits, std::vector<descriptor>& into,
                        std::vector<platform>& platforms);
/// Refuses a list that is longer than a limit. What is no list is refused where it is read.
status check_count(json_element list, std::uint32_t most);

/// One annotation of a descriptor; empty if it is not there.
std::string_view annotation_of(const descriptor& of, std::string_view key);

/// Whether a key of an image's descriptor holds a signature, or what verifies one; `type` is then "signature",
/// "bundle", "certificate" or "chain". Proposal F, "well-known annotations": the key or the key and a suffix.
bool is_inline_signature(std::string_view key, std::string_view& type) noexcept;

}  // namespace refract::oci
