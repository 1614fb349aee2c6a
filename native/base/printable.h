// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace refract {

/// What a stranger wrote, made safe to show: control characters (C0, DEL, C1), what turns the direction of writing or
/// cannot be seen, spaces but the plain one, separators of lines, private use and invalid UTF-8 are written as \xNN,
/// and anything over `most` bytes is cut and ends in "…". What was made safe stays as it is when that is done again.
std::string printable(std::string_view text, std::size_t most = 200);

/// A character that is written as \xNN takes at most so many bytes.
inline constexpr std::size_t longest_shown = 16;

/// The same for the first character of `text`, which is not empty: how it is shown, and how many bytes of `text` it is.
std::size_t next_shown(std::string_view text, std::array<char, longest_shown>& shown, std::size_t& shown_size) noexcept;

/// printable(), in double quotes.
std::string quote(std::string_view text, std::size_t most = 200);

/// Cuts at a character's edge so that at most `most` bytes remain, the "…" that marks the cut counted.
std::string shortened(std::string text, std::size_t most);

}  // namespace refract
