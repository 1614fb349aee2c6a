// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/words.h"

#include <bit>

#include "oci/kind.h"

namespace refract::cli {
namespace {

std::string joined(const std::vector<std::string_view>& names) {
    std::string text;
    for (const auto name : names) {
        if (!text.empty()) text += ',';
        text += name;
    }
    return text;
}

}  // namespace

std::string_view name_of(resolve::tristate answer) noexcept {
    switch (answer) {
        case resolve::tristate::no:
            return "no";
        case resolve::tristate::yes:
            return "yes";
        case resolve::tristate::unknown:
            break;
    }
    return "unknown";
}

std::string_view name_of(enum resolve::node::kind kind) noexcept {
    switch (kind) {
        case resolve::node::kind::index:
            return "index";
        case resolve::node::kind::image:
            return "image";
        case resolve::node::kind::reference:
            return "reference";
        case resolve::node::kind::subject:
            break;
    }
    return "subject";
}

std::string_view name_of(resolve::role role) noexcept {
    switch (role) {
        case resolve::role::artifact:
            return "artifact";
        case resolve::role::index:
            return "index";
        case resolve::role::image:
            return "image";
        case resolve::role::other:
            break;
    }
    return "other";
}

std::vector<std::string_view> source_names(std::uint32_t sources) {
    std::vector<std::string_view> names;
    for (std::uint32_t left = sources; left != 0; left &= left - 1) {
        names.push_back(resolve::source_name(1u << std::countr_zero(left)));
    }
    return names;
}

std::string sources_text(std::uint32_t sources) { return joined(source_names(sources)); }

std::uint32_t source_of(std::string_view name) noexcept {
    for (std::uint32_t left = resolve::every_source; left != 0; left &= left - 1) {
        const std::uint32_t one = 1u << std::countr_zero(left);
        if (resolve::source_name(one) == name) return one;
    }
    return 0;
}

std::string_view content_of(const resolve::reference& one) noexcept {
    if (one.descriptor == nullptr) return one.annotation;
    return one.artifact_type;
}

std::vector<std::string_view> kind_names(std::uint32_t kinds) {
    std::vector<std::string_view> names;
    for (std::uint32_t left = kinds; left != 0; left &= left - 1) {
        names.push_back(oci::kind_name(1u << std::countr_zero(left)));
    }
    return names;
}

std::string kinds_text(std::uint32_t kinds) { return joined(kind_names(kinds)); }

std::string_view type_of(const resolve::reference& one) noexcept {
    if (!one.type.empty()) return one.type;
    return one.descriptor == nullptr ? one.annotation : one.descriptor->media_type;
}

std::int64_t size_of(const resolve::reference& one) noexcept {
    return one.descriptor == nullptr ? static_cast<std::int64_t>(one.value.size()) : one.descriptor->size;
}

}  // namespace refract::cli
