// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "base/printable.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

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

/// The value of a well-formed character.
char32_t value_of(std::string_view character) {
    static constexpr std::uint8_t lead_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    char32_t value = static_cast<std::uint8_t>(character[0]) & lead_bits[character.size()];
    for (const char c : character.substr(1)) value = (value << 6) | (static_cast<std::uint8_t>(c) & 0x3Fu);
    return value;
}

struct range {
    char32_t first, last;
};

/// What moves the cursor, starts an escape sequence, turns the direction of writing, cannot be seen, looks like the
/// space that it is not, or looks like nothing that anybody knows. In their order.
constexpr range harmful[] = {
    {0x0000, 0x001F},     // C0
    {0x007F, 0x00A0},     // DEL, C1, the space that does not break
    {0x00AD, 0x00AD},     // soft hyphen
    {0x034F, 0x034F},     // combining grapheme joiner
    {0x061C, 0x061C},     // Arabic letter mark
    {0x115F, 0x1160},     // Hangul fillers
    {0x1680, 0x1680},     // Ogham space
    {0x17B4, 0x17B5},     // Khmer vowels that are not seen
    {0x180B, 0x180F},     // Mongolian variation selectors and vowel separator
    {0x2000, 0x200F},     // spaces of all widths, of none too, joiners, marks of direction
    {0x2028, 0x202F},     // separators of lines, embeddings and overrides of direction, a narrow space
    {0x205F, 0x206F},     // a space, invisible operators, isolates of direction
    {0x2800, 0x2800},     // a pattern of no Braille dot
    {0x3000, 0x3000},     // a wide space
    {0x3164, 0x3164},     // Hangul filler
    {0xE000, 0xF8FF},     // private use
    {0xFDD0, 0xFDEF},     // no characters
    {0xFE00, 0xFE0F},     // variation selectors
    {0xFEFF, 0xFEFF},     // byte-order mark
    {0xFFA0, 0xFFA0},     // Hangul filler
    {0xFFF0, 0xFFFB},     // annotations between lines
    {0xFFFE, 0xFFFF},     // no characters
    {0x13430, 0x1345F},   // controls of hieroglyphs
    {0x1BCA0, 0x1BCA3},   // controls of shorthand
    {0x1D159, 0x1D159},   // a note that is not seen
    {0x1D173, 0x1D17A},   // invisible marks of music
    {0xE0000, 0x10FFFF},  // tags, further variation selectors, private use
};

bool is_harmful(std::string_view character) {
    const char32_t value = value_of(character);
    const auto* const next = std::upper_bound(std::begin(harmful), std::end(harmful), value,
                                              [](char32_t one, const range& of) { return one < of.first; });
    return next != std::begin(harmful) && value <= std::prev(next)->last;
}

}  // namespace

std::size_t next_shown(std::string_view text, std::array<char, longest_shown>& shown,
                       std::size_t& shown_size) noexcept {
    static constexpr char digits[] = "0123456789abcdef";
    auto size = character_size(text);
    const bool plain = size != 0 && !is_harmful(text.substr(0, size));
    if (size == 0) size = 1;
    shown_size = 0;
    for (const char c : text.substr(0, size)) {
        if (plain) {
            shown[shown_size++] = c;
            continue;
        }
        const auto byte = static_cast<std::uint8_t>(c);
        for (const char written : {'\\', 'x', digits[byte >> 4], digits[byte & 15]}) shown[shown_size++] = written;
    }
    return size;
}

std::string printable(std::string_view text, std::size_t most) {
    std::string all;
    while (!text.empty()) {
        std::array<char, longest_shown> shown;
        std::size_t size = 0;
        text.remove_prefix(next_shown(text, shown, size));
        if (all.size() + size > most) return all + "…";
        all.append(shown.data(), size);
    }
    return all;
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
