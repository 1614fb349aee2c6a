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

std::string_view name_of(resolve::answer answer) noexcept;
std::string_view name_of(enum resolve::node::kind kind) noexcept;
std::string_view name_of(resolve::role role) noexcept;
std::vector<std::string_view> source_names(std::uint32_t sources);
/// "index,referrers-api".
std::string sources_text(std::uint32_t sources);
/// The bit of a source's name; 0 if there is none of that name.
std::uint32_t source_of(std::string_view name) noexcept;

/// What kind of thing a reference is: its type, else what its content is.
std::string_view type_of(const resolve::reference& one) noexcept;
/// What the content of a reference is.
std::string_view content_of(const resolve::reference& one) noexcept;
std::int64_t size_of(const resolve::reference& one) noexcept;

}  // namespace refract::cli
