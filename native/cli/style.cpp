// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/style.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/printable.h"

namespace refract::cli {
namespace {

/// Annotations may be 64 KiB long.
constexpr std::size_t longest_text = 60;
constexpr std::size_t longest_whole_text = 64u << 10;
/// No two references of an image are known to share so many.
constexpr std::size_t shown_hex = 12;

std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; }));
}

}  // namespace

bool is_terminal(int descriptor) noexcept { return isatty(descriptor) == 1; }

style style::of_output(bool whole) {
    const auto set = [](const char* name) {
        const char* const value = std::getenv(name);
        return value != nullptr ? std::string_view(value) : std::string_view();
    };
    return {whole, is_terminal(STDOUT_FILENO) && set("NO_COLOR").empty() && set("TERM") != "dumb"};
}

std::string style::text(std::string_view from) const {
    return printable(from, whole ? longest_whole_text : longest_text);
}

std::string style::digest(std::string_view from) const {
    const auto colon = from.find(':');
    if (whole || colon == std::string_view::npos) return printable(from);
    return printable(from.substr(0, colon + 1 + shown_hex));
}

std::string style::in(std::string_view code, std::string text) const {
    if (!colour || text.empty()) return text;
    text.insert(0, code);
    text += "\x1b[0m";
    return text;
}

std::string size_text(std::int64_t bytes) {
    static constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < units.size()) {
        value /= 1024;
        ++unit;
    }
    return fmt::format("{:.1f} {}", value, units[unit]);
}

std::string table::text() const {
    std::vector<std::size_t> widths(rows_.front().size(), 0);
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max({widths[i], width_of(row[i]), std::size_t{1}});
    }
    std::string all;
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string& cell = row[i].empty() ? "-" : row[i];
            all += cell;
            if (i + 1 < row.size()) all.append(widths[i] - width_of(cell) + 2, ' ');
        }
        all += '\n';
    }
    return all;
}

}  // namespace refract::cli
