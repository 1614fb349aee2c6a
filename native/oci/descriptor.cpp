// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/descriptor.h"

#include <array>
#include <optional>
#include <string>

#include "base/printable.h"
#include "oci/annotations.h"
#include "oci/base64.h"

namespace refract::oci {
namespace {

mark mark_of(std::string_view key) noexcept {
    // All known keys begin with one of these; most annotations do not, and are done with here.
    switch (key.empty() ? '\0' : key.front()) {
        case 'o':
            if (key == annotation::reference_digest || key == annotation::reference_type) return mark::reference;
            return key == annotation::signatures_index ? mark::inline_signature : mark::none;
        case 'v':
            if (key == annotation::buildkit_digest || key == annotation::buildkit_type) return mark::buildkit;
            return mark::none;
        case 'c':
            return key == annotation::soci_image_digest ? mark::soci : mark::none;
        case 'd': {
            std::string_view type;
            return is_inline_signature(key, type) ? mark::inline_signature : mark::none;
        }
        default:
            return mark::none;
    }
}

status read_annotations(json_element value, std::uint32_t most_bytes, descriptor& into) {
    if (value.is_null()) return {};
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS) return wrong_type("an object", value);
    key_set keys;
    std::size_t bytes = 0;
    for (const auto [key, field] : object) {
        std::string_view text;
        if (field.get(text) != simdjson::SUCCESS && !field.is_null()) {
            return wrong_type("a string", field).in(printable(key, 64));
        }
        if (!keys.add(key)) return duplicate_key(key);
        bytes += key.size() + text.size();
        into.marks = into.marks | mark_of(key);
    }
    if (keys.has_duplicate()) return duplicate_key("");
    if (bytes > most_bytes) {
        return {status_code::limit_exceeded, "annotations take " + std::to_string(bytes) +
                                                 " bytes, more than the limit of " + std::to_string(most_bytes)};
    }
    into.annotated = true;
    into.annotations = value;
    return {};
}

status read_size(json_element value, std::int64_t& into) {
    if (value.get(into) == simdjson::SUCCESS && into >= 0) return {};
    if (!value.is_number()) return wrong_type("a number", value);
    return {status_code::malformed, "want a whole number from 0 to 9223372036854775807"};
}

status read_digest(json_element value, descriptor& into) {
    REFRACT_TRY(read_string(value, into.digest));
    if (parse_digest(into.digest, into.algorithm)) return {};
    return {status_code::malformed, "malformed digest " + quote(into.digest)};
}

status read_urls(json_element value) {
    return read_array(value, [](json_element element) {
        std::string_view url;
        return read_string(element, url);
    });
}

/// Go's decoder, with which every other client reads it, passes over line ends.
std::string without_line_ends(std::string_view text) {
    std::string kept(text);
    std::erase_if(kept, [](char c) { return c == '\r' || c == '\n'; });
    return kept;
}

/// What is no base64 no client can read; what is something else than the content hinders only who would use it.
status read_data(std::string_view base64, descriptor& of) {
    const bool has_line_ends = base64.find_first_of("\r\n") != std::string_view::npos;
    const auto decoded = has_line_ends ? decode_base64(without_line_ends(base64)) : decode_base64(base64);
    if (!decoded) return {status_code::malformed, "not base64 as RFC 4648 section 4 has it"};
    if (static_cast<std::int64_t>(decoded->size()) != of.size) {
        of.data = embedded::unfitting;
    } else {
        of.data = verify_digest(of.digest, *decoded).ok() ? embedded::right : embedded::wrong;
    }
    return {};
}

}  // namespace

status read_descriptor(json_element value, const limits& limits, descriptor& into, std::vector<platform>& platforms) {
    static constexpr std::array<std::string_view, 8> keys{"mediaType",   "digest",       "size", "platform",
                                                          "annotations", "artifactType", "data", "urls"};
    static constexpr unsigned required = 0b111;
    unsigned seen = 0;
    std::optional<std::string_view> data;
    status done = read_object(value, keys, [&](std::size_t key, json_element field) -> status {
        if (!field.is_null()) seen |= 1u << key;
        switch (key) {
            case 0:
                return read_string(field, into.media_type);
            case 1:
                return read_digest(field, into);
            case 2:
                return read_size(field, into.size);
            case 3:
                if (field.is_null()) return {};
                into.platform = static_cast<std::uint32_t>(platforms.size());
                return read_platform(field, platforms.emplace_back());
            case 4:
                return read_annotations(field, limits.annotation_bytes, into);
            case 5:
                return read_string(field, into.artifact_type);
            case 6:
                return field.is_null() ? status() : read_string(field, data.emplace());
            default:
                return read_urls(field);
        }
    });
    if (done.failed()) return done;
    if ((seen & required) != required || into.media_type.empty()) {
        const std::size_t missing = (seen & 1u) == 0 || into.media_type.empty() ? 0 : (seen & 2u) == 0 ? 1 : 2;
        return {status_code::malformed, "has no " + std::string(keys[missing])};
    }
    into.kind = kind_of(into.media_type);
    if (data) return read_data(*data, into).in("data");
    return {};
}

status check_count(json_element list, std::uint32_t most) {
    simdjson::dom::array array;
    // The count ends at 2^24 - 1, which no document of 4 MiB reaches.
    if (list.get(array) != simdjson::SUCCESS || array.size() <= most) return {};
    return {status_code::limit_exceeded,
            "has " + std::to_string(array.size()) + " entries, more than the limit of " + std::to_string(most)};
}

status read_descriptors(json_element list, const limits& limits, std::vector<descriptor>& into,
                        std::vector<platform>& platforms) {
    REFRACT_TRY(check_count(list, limits.entries));
    return read_array(
        list, [&](json_element element) { return read_descriptor(element, limits, into.emplace_back(), platforms); });
}

std::string_view annotation_of(const descriptor& of, std::string_view key) {
    simdjson::dom::object object;
    std::string_view text;
    if (!of.annotated) return {};
    if (of.annotations.get(object) != simdjson::SUCCESS) return {};
    if (object.at_key(key).get(text) != simdjson::SUCCESS) return {};
    return text;
}

bool is_inline_signature(std::string_view key, std::string_view& type) noexcept {
    static constexpr std::array<std::array<std::string_view, 2>, 4> families{{
        {annotation::cosign_signature, "signature"},
        {annotation::sigstore_bundle, "bundle"},
        {annotation::sigstore_certificate, "certificate"},
        {annotation::sigstore_chain, "chain"},
    }};
    for (const auto& [name, what] : families) {
        if (!key.starts_with(name)) continue;
        if (key.size() > name.size() && key[name.size()] != '.') continue;
        type = what;
        return true;
    }
    return false;
}

}  // namespace refract::oci
