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
};

/// "index", "annotation", "buildkit", "soci"; empty for anything but one source.
std::string_view source_name(std::uint32_t one) noexcept;

enum class answer { no = 0, yes = 1, unknown = 2 };

/// Something that is attached: an artifact, or a signature kept in an annotation. Views live as long as the walk's
/// documents.
struct reference {
    const oci::descriptor* descriptor = nullptr;  ///< nullptr for an annotation
    const oci::platform* platform = nullptr;
    std::string_view subject;  ///< digest of what it is about; empty if nothing says so
    std::string malformed;     ///< a malformed subject, safe to show
    std::string_view type;
    std::string_view description;
    std::string_view annotation;  ///< key and value of an inline annotation
    std::string_view value;
    std::uint32_t sources = 0;
    answer weak = answer::no;
    bool wanted = false;
    resolve::place place;

    std::string_view digest() const noexcept { return descriptor == nullptr ? std::string_view{} : descriptor->digest; }
};

/// All that a finished walk saw attached, in document order, each once.
struct attached {
    std::vector<reference> references;
    std::uint32_t unread_indexes = 0;  ///< nested indexes that were not read: what they hold is not known
};

attached find_attached(const walk& walk);

/// Refuses more wanted references than the request allows: better nothing is fetched than an arbitrary part.
outcome check_wanted(const walk& walk, const attached& all);

}  // namespace refract::resolve
