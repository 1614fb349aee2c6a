// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <simdjson.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

/// Strict reading. containerd parses the same bytes again with Go's encoding/json, which takes the last of duplicate
/// keys, matches keys case-insensitively and repairs invalid UTF-8; so whatever the two could read differently is
/// refused here, before anything is decided by it.
namespace refract::oci {

using json_element = simdjson::dom::element;

/// Parses whole documents: validated UTF-8, one value, nothing after it, no byte-order mark, bounded depth.
/// Keeps its memory for the next document; not thread-safe.
class json_reader {
public:
    /// `depth`: how many arrays and objects may be nested.
    explicit json_reader(std::uint32_t depth) : depth_(depth) {}

    /// The element lives as long as `into` does and is not read into again. The bytes are copied.
    result<json_element> read(simdjson::dom::document& into, std::span<const std::byte> bytes);

private:
    std::uint32_t depth_;
    simdjson::dom::parser parser_;
    std::unique_ptr<char[]> padded_;
    std::size_t padded_size_ = 0;
};

/// The keys of one object, to find a duplicate among them.
class key_set {
public:
    /// False if the key is there already; with more than `few` keys a duplicate is only told by has_duplicate().
    bool add(std::string_view key);
    bool has_duplicate();

private:
    struct raw_key {
        const char* data;
        std::size_t size;
    };
    static constexpr std::size_t few = 16;

    std::size_t count_ = 0;
    raw_key few_[few];  // deliberately not initialised: one of these is made for every entry
    std::vector<std::string_view> many_;
};

/// Whether Go's encoding/json would take `key` for `known` although they differ ("MEDIATYPE", "\u017Fize").
bool folds_to(std::string_view key, std::string_view known) noexcept;

/// Refuses duplicate keys in the value and everything below it.
status check_keys(json_element value);

status duplicate_key(std::string_view key);
status colliding_key(std::string_view key, std::string_view known);
status wrong_type(std::string_view wanted, json_element got);

/// A string, or absent (null): Go reads null as the empty string.
status read_string(json_element value, std::string_view& into);

/// Each element of an array, or none for null. `each(element)` gives a status; its errors get "[position]".
template <class Each>
status read_array(json_element value, Each&& each) {
    if (value.is_null()) return {};
    simdjson::dom::array array;
    if (value.get(array) != simdjson::SUCCESS) return wrong_type("an array", value);
    std::size_t position = 0;
    for (const json_element element : array) {
        if (status done = each(element); done.failed()) {
            return std::move(done).in('[' + std::to_string(position) + ']');
        }
        ++position;
    }
    return {};
}

/// Reads an object by its known keys: `visit(number of the key, value)` for each that is there. Duplicate keys, at any
/// level below unknown ones too, and unknown keys that fold to a known one are refused.
template <std::size_t Count, class Visit>
status read_object(json_element value, const std::array<std::string_view, Count>& known, Visit&& visit) {
    static_assert(Count <= 32);
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS) return wrong_type("an object", value);
    std::uint32_t seen = 0;
    std::unique_ptr<key_set> unknown;
    for (const auto [key, field] : object) {
        std::size_t number = 0;
        while (number < Count && known[number] != key) ++number;
        if (number < Count) {
            const std::uint32_t bit = 1u << number;
            if ((seen & bit) != 0) return duplicate_key(key);
            seen |= bit;
            if (status done = visit(number, field); done.failed()) return std::move(done).in(known[number]);
            continue;
        }
        for (const std::string_view name : known) {
            if (folds_to(key, name)) return colliding_key(key, name);
        }
        if (!unknown) unknown = std::make_unique<key_set>();
        if (!unknown->add(key)) return duplicate_key(key);
        REFRACT_TRY(check_keys(field));
    }
    if (unknown && unknown->has_duplicate()) return duplicate_key("");
    return {};
}

}  // namespace refract::oci
