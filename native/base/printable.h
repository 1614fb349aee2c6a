// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

namespace refract {

/// What a stranger wrote, made safe to show: control characters (C0, DEL, C1), the Unicode bidirectional and line
/// separators and invalid UTF-8 are written as \xNN, and anything over `most` bytes is cut and ends in "…".
std::string printable(std::string_view text, std::size_t most = 200);

/// printable(), in double quotes.
std::string quote(std::string_view text, std::size_t most = 200);

/// Cuts at a character's edge so that at most `most` bytes remain, the "…" that marks the cut counted.
std::string shortened(std::string text, std::size_t most);

}  // namespace refract
