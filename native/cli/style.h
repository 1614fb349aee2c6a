// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace refract::cli {

/// How text is printed for people.
struct style {
    bool whole = false;   ///< digests and types in full
    bool colour = false;  ///< only on a terminal, and not where NO_COLOR says so (no-color.org)

    /// For the standard output as it is now.
    static style of_output(bool whole);

    /// A stranger's text, fit for a line: escaped, and cut unless whole.
    std::string text(std::string_view from) const;
    /// "sha256:0123456789ab" unless whole.
    std::string digest(std::string_view from) const;
    std::string bold(std::string text) const { return in("\x1b[1m", std::move(text)); }
    std::string fail(std::string text) const { return in("\x1b[31m", std::move(text)); }
    std::string warn(std::string text) const { return in("\x1b[33m", std::move(text)); }

private:
    std::string in(std::string_view code, std::string text) const;
};

/// "409.0 B", "1.2 KiB".
std::string size_text(std::int64_t bytes);

/// Rows under a header, aligned, without colours.
class table {
public:
    explicit table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
    /// Empty cells are shown as "-".
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    std::string text() const;

private:
    std::vector<std::vector<std::string>> rows_;
};

bool is_terminal(int descriptor) noexcept;

}  // namespace refract::cli
