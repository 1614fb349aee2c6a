// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "resolve/references.h"
#include "resolve/role.h"
#include "resolve/tree.h"

/// The words that tables, trees and JSON use for what the core decided.
namespace refract::cli {

std::string_view name_of(resolve::tristate answer) noexcept;
std::string_view name_of(enum resolve::node::kind kind) noexcept;
std::string_view name_of(resolve::role role) noexcept;
std::vector<std::string_view> source_names(std::uint32_t sources);
/// "index,referrers-api".
std::string sources_text(std::uint32_t sources);
/// The bit of a source's name; 0 if there is none of that name.
std::uint32_t source_of(std::string_view name) noexcept;

/// Names of kinds, in the order of their bits.
std::vector<std::string_view> kind_names(std::uint32_t kinds);
/// "sbom,attestation"; empty if there are none.
std::string kinds_text(std::uint32_t kinds);
/// Its type, else the media type of its manifest or its annotation's key.
std::string_view type_of(const resolve::reference& one) noexcept;
/// Its artifact type, or its annotation's key; empty if it is not known.
std::string_view content_of(const resolve::reference& one) noexcept;
std::int64_t size_of(const resolve::reference& one) noexcept;

}  // namespace refract::cli
