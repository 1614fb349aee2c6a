// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/json.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/ascii.h"
#include "base/limits.h"
#include "base/printable.h"

namespace refract::oci {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

std::string_view type_name(json_element value) {
    switch (value.type()) {
        case simdjson::dom::element_type::ARRAY:
            return "an array";
        case simdjson::dom::element_type::OBJECT:
            return "an object";
        case simdjson::dom::element_type::STRING:
            return "a string";
        case simdjson::dom::element_type::BOOL:
            return "a boolean";
        case simdjson::dom::element_type::NULL_VALUE:
            return "null";
        default:  // INT64, UINT64, DOUBLE, and the further types of numbers that newer simdjson has
            return "a number";
    }
}

}  // namespace

result<json_element> json_reader::read(simdjson::dom::document& into, std::span<const std::byte> bytes) {
    const std::string_view text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    // Newer simdjson skips the mark, Go refuses it.
    if (text.starts_with(byte_order_mark)) return error{status_code::malformed, "begins with a byte-order mark"};
    // A value of two bytes takes twenty in memory.
    if (text.size() > most_json_values) {
        const auto values = std::count(text.begin(), text.end(), ',') + std::count(text.begin(), text.end(), ':');
        if (static_cast<std::size_t>(values) > most_json_values) {
            return error{status_code::limit_exceeded,
                         "it has more values than the limit of " + std::to_string(most_json_values)};
        }
    }
    // simdjson counts the document itself as a level. Where memory ran out it leaves a parser that has the one but not
    // the other, and would write through null.
    if (parser_.capacity() == 0 || parser_.max_depth() != depth_ + 1) {
        if (parser_.allocate(1024, depth_ + 1) != simdjson::SUCCESS) throw std::bad_alloc();
    }
    const std::size_t needed = bytes.size() + simdjson::SIMDJSON_PADDING;
    if (padded_size_ < needed) {
        padded_.reset(new char[needed]);
        padded_size_ = needed;
    }
    if (!bytes.empty()) std::memcpy(padded_.get(), bytes.data(), bytes.size());
    std::memset(padded_.get() + bytes.size(), 0, simdjson::SIMDJSON_PADDING);

    json_element root;
    const auto code = parser_.parse_into_document(into, padded_.get(), bytes.size(), false).get(root);
    if (code == simdjson::SUCCESS) return root;
    if (code == simdjson::MEMALLOC) throw std::bad_alloc();
    if (code == simdjson::DEPTH_ERROR) {
        return error{status_code::limit_exceeded, "nested deeper than " + std::to_string(depth_) + " levels"};
    }
    return error{status_code::malformed, std::string("not valid JSON: ") + simdjson::error_message(code)};
}

bool key_set::add(std::string_view key) {
    if (count_ >= few) {
        many_.push_back(key);
        return true;
    }
    for (std::size_t i = 0; i < count_; ++i) {
        if (few_[i].size == key.size() && std::memcmp(few_[i].data, key.data(), key.size()) == 0) return false;
    }
    few_[count_++] = {key.data(), key.size()};
    return true;
}

bool key_set::has_duplicate() {
    if (many_.empty()) return false;
    for (std::size_t i = 0; i < count_; ++i) many_.emplace_back(few_[i].data, few_[i].size);
    std::sort(many_.begin(), many_.end());
    return std::adjacent_find(many_.begin(), many_.end()) != many_.end();
}

bool folds_to(std::string_view key, std::string_view known) noexcept {
    // Of all runes beyond ASCII only U+017F and U+212A fold into it: to "s" and to "k".
    std::size_t at = 0;
    for (const char wanted : known) {
        if (at >= key.size()) return false;
        char folded = to_lower(key[at]);
        std::size_t size = 1;
        if (key.substr(at, 2) == "\xC5\xBF") {
            folded = 's';
            size = 2;
        } else if (key.substr(at, 3) == "\xE2\x84\xAA") {
            folded = 'k';
            size = 3;
        }
        if (folded != to_lower(wanted)) return false;
        at += size;
    }
    return at == key.size();
}

status check_keys(json_element value) {
    if (value.is_object()) {
        key_set keys;
        for (const auto [key, field] : simdjson::dom::object(value)) {
            if (!keys.add(key)) return duplicate_key(key);
            if (status done = check_keys(field); done.failed()) return std::move(done).in(printable(key, 64));
        }
        if (keys.has_duplicate()) return duplicate_key("");
    } else if (value.is_array()) {
        for (const json_element element : simdjson::dom::array(value)) {
            REFRACT_TRY(check_keys(element));
        }
    }
    return {};
}

status duplicate_key(std::string_view key) {
    return {status_code::ambiguous,
            key.empty() ? "a key stands there twice" : "key " + quote(key, 64) + " stands there twice"};
}

status colliding_key(std::string_view key, std::string_view known) {
    return {status_code::ambiguous,
            "key " + quote(key, 64) + " differs from " + quote(known) + " by case only, and Go reads it as that"};
}

status wrong_type(std::string_view wanted, json_element got) {
    return {status_code::malformed, "want " + std::string(wanted) + ", got " + std::string(type_name(got))};
}

status read_string(json_element value, std::string_view& into) {
    if (value.get(into) == simdjson::SUCCESS) return {};
    if (value.is_null()) return {};
    return wrong_type("a string", value);
}

}  // namespace refract::oci
