// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "base/printable.h"

#include <cstdint>

namespace refract {
namespace {

/// Bytes of the well-formed UTF-8 character that `text` begins with, or 0.
std::size_t character_size(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0u; };
    const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
    const auto lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        const bool overlong = lead == 0xE0 && byte(1) < 0xA0;
        const bool surrogate = lead == 0xED && byte(1) > 0x9F;
        return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        const bool out_of_range = (lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F);
        return continues(1) && continues(2) && continues(3) && !out_of_range ? 4 : 0;
    }
    return 0;
}

/// Characters that move the cursor, start an escape sequence or reorder what is read.
bool is_harmful(std::string_view character) {
    if (character.size() == 1) {
        const auto byte = static_cast<std::uint8_t>(character[0]);
        return byte < 0x20 || byte == 0x7F;
    }
    if (character.size() == 2) return character[0] == '\xC2' && static_cast<std::uint8_t>(character[1]) < 0xA0;
    if (character.size() != 3) return false;
    const bool general = character.substr(0, 2) == "\xE2\x80";  // U+2000..U+203F
    const auto last = static_cast<std::uint8_t>(character[2]);
    const bool marks = general && (last == 0x8E || last == 0x8F || (last >= 0xA8 && last <= 0xAE));
    const bool isolates = character.substr(0, 2) == "\xE2\x81" && last >= 0xA6 && last <= 0xA9;
    return marks || isolates;
}

}  // namespace

std::string printable(std::string_view text, std::size_t most) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string shown;
    while (!text.empty()) {
        auto size = character_size(text);
        const bool plain = size != 0 && !is_harmful(text.substr(0, size));
        if (size == 0) size = 1;
        if (shown.size() + (plain ? size : 4 * size) > most) return shown + "…";
        if (plain) {
            shown.append(text.substr(0, size));
        } else {
            for (const char c : text.substr(0, size)) {
                const auto byte = static_cast<std::uint8_t>(c);
                shown.append({'\\', 'x', digits[byte >> 4], digits[byte & 15]});
            }
        }
        text.remove_prefix(size);
    }
    return shown;
}

std::string quote(std::string_view text, std::size_t most) { return '"' + printable(text, most) + '"'; }

std::string shortened(std::string text, std::size_t most) {
    static constexpr std::string_view mark = "…";
    if (text.size() <= most) return text;
    std::size_t end = most > mark.size() ? most - mark.size() : 0;
    while (end > 0 && (static_cast<std::uint8_t>(text[end]) & 0xC0u) == 0x80u) --end;
    text.resize(end);
    return text.append(mark);
}

}  // namespace refract
