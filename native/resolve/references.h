// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "resolve/walk.h"

namespace refract::resolve {

/// Where a reference was found; bits, numbered as refract_source.
enum source : std::uint32_t {
    source_index = 1,       ///< Proposal F
    source_annotation = 2,  ///< Proposal F, well-known annotations
    source_buildkit = 4,
    source_soci = 8,
    source_digest_tag = 16,     ///< Proposal F, an index under the digest tag of what it enhances
    source_referrers_api = 32,  ///< distribution-spec, "Listing Referrers"
    source_referrers_tag = 64,  ///< distribution-spec, "Referrers Tag Schema"
    source_cosign_tag = 128,    ///< cosign's tags: "sha256-….sig", ".att", ".sbom"
};
inline constexpr std::uint32_t in_index_sources = source_index | source_annotation | source_buildkit | source_soci;
inline constexpr std::uint32_t tag_sources = source_digest_tag | source_referrers_tag | source_cosign_tag;
inline constexpr std::uint32_t every_source = in_index_sources | tag_sources | source_referrers_api;

/// "index", "annotation", "buildkit", "soci", "digest-tag", …; empty for anything but one source.
std::string_view source_name(std::uint32_t one) noexcept;

enum class tristate { no = 0, yes = 1, unknown = 2 };

/// Something that is attached: an artifact, or a signature kept in an annotation. Views live as long as the walk's
/// documents.
struct reference {
    const oci::descriptor* descriptor = nullptr;  ///< nullptr for an annotation
    const oci::platform* platform = nullptr;
    std::string_view subject;  ///< digest of what it is about; empty if nothing says so
    std::string malformed;     ///< a malformed subject, safe to show
    std::string_view type;
    std::string_view artifact_type;  ///< its descriptor's, else what its bytes say in its place; empty if not known
    /// Further types: what else it is called where it is listed again, and what its bytes say is in it. Each once,
    /// sorted.
    std::vector<std::string_view> other_types;
    std::uint32_t kinds = 0;  ///< bits of oci::kind
    std::string_view description;
    std::string_view annotation;  ///< key and value of an inline annotation
    std::string_view value;
    std::uint32_t sources = 0;
    std::string_view tag;  ///< of the index or artifact that lists it, if that is not the image's own
    tristate weak = tristate::no;
    tristate present = tristate::unknown;  ///< whether the artifact itself is there
    bool wanted = false;
    bool unread = false;    ///< where it is listed does not say all, and its bytes were not read
    bool by_bytes = false;  ///< only its bytes say that it is an artifact: its entry looks like an image's
    resolve::place place;   ///< none if an index that is not the image's own lists it

    std::string_view digest() const noexcept { return descriptor == nullptr ? std::string_view{} : descriptor->digest; }
    /// Whether it is of that kind or, if that names no kind, of exactly that type.
    bool is_of(std::string_view asked) const noexcept;
};

/// All that a finished walk saw attached, in document order, each once.
struct attached {
    std::vector<reference> references;
    std::vector<reference> candidates;  ///< entries that may be images or artifacts: only their bytes will say
    std::uint32_t unread_indexes = 0;   ///< nested indexes that were not read: what they hold is not known
};

attached find_attached(const walk& walk);

/// Whether a platform names an operating system and an architecture. Some tools declare half of one for an artifact.
bool is_whole(const oci::platform& declared);
/// Sets what its descriptor says besides of types, and which kinds that makes.
void add_stated_types(reference& one);
/// Bits of oci::kind of all its types.
std::uint32_t kinds_of(const reference& one);

/// Whether its bytes may say what its entry does not: what it is about, of which type it is, or what is in an envelope.
bool needs_reading(const reference& one);
/// The same for whoever asks for these kinds or types: an exact type may be stated by its bytes alone.
bool needs_reading(const reference& one, const std::vector<std::string>& asked);

/// Whose references are told: an index that was walked through, or a single manifest.
struct told_image {
    std::string_view root;                ///< digest
    const resolve::walk* walk = nullptr;  ///< of an index, and done
};

/// Those of a finished walk.
inline told_image told_by(const walk& walk) { return {walk.read()[0].digest, &walk}; }

/// "index sha256:…"; for messages.
std::string describe(const told_image& image);

/// What it is about: an artifact that does not say so is taken to be about the index that lists it.
std::string_view subject_of(const told_image& image, const reference& one);

/// What may be attached to a selected image: the root, and all on the path down to the image itself.
std::vector<std::string_view> subjects_around(const walk& walk, const selection& chosen);

/// The same of all selected images and, if the request is not only for their references, of all others that were read.
std::vector<std::string_view> subjects_of(const told_image& image, const request& policy);

/// Whether the policy fetches what is called that. What it is about is another question.
bool is_of_wanted_type(const request& policy, const reference& one);

/// Sets what nothing lists to weak, and what the policy wants to wanted.
void settle(const told_image& image, const request& policy, attached& all);

/// One thing that is listed twice becomes one reference with the sources and the types of both; the order stays.
void merge(std::vector<reference>& references);

/// Refuses more wanted references than the request allows: better nothing is fetched than an arbitrary part.
status check_wanted(const told_image& image, const request& policy, const attached& all);

}  // namespace refract::resolve
