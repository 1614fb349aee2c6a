// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "inspect/content.h"

namespace refract::cli {

/// Writes content to the standard output: as it is, but for a terminal, which does nothing but show it.
void write_content(std::string_view content);

/// Writes a piece to the standard output. One of at most `most_held` bytes is checked, size and digest, before anything
/// of it is written; a longer one as it goes, so that only the status tells whether what was written is right. A
/// terminal is shown text only.
status write_to_stdout(inspect::reader& from, const inspect::piece& piece, std::uint64_t most_held);

/// Writes pieces into a file, or a directory if there are several of them or it is one. Files that exist are left
/// alone; a file is there under its name only when all of it is, and right. Tells the names on the standard output.
/// With `lost`, pieces that are not available are noted there, and the others are written.
status write_files(inspect::reader& from, const std::vector<inspect::piece>& pieces, const std::string& path,
                   std::vector<error>* lost = nullptr);

/// Whether an error concerns only what was requested, so that other things may be available.
bool is_of_one(status_code code) noexcept;

}  // namespace refract::cli
