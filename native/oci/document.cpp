// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/document.h"

#include "base/limits.h"
#include "base/printable.h"
#include "oci/descriptor.h"
#include "oci/digest.h"

namespace refract::oci {
namespace {

status read_schema_version(json_element value) {
    std::int64_t version = 0;
    if (value.is_null()) return {};
    if (value.get(version) != simdjson::SUCCESS) return wrong_type("a whole number", value);
    if (version == 2) return {};
    return {status_code::unsupported, "schema version " + std::to_string(version) + " is not supported, only 2 is"};
}

/// Go decodes them although nobody asks, so their types must be right.
status read_string_map(json_element value) {
    if (value.is_null()) return {};
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS) return wrong_type("an object", value);
    for (const auto [key, field] : object) {
        std::string_view text;
        if (status done = read_string(field, text); done.failed()) return std::move(done).in(printable(key, 64));
    }
    return check_keys(value);
}

/// Of an object that is not read strictly here; empty if it is no object or has no such text.
std::string_view text_in(json_element object, std::string_view key) {
    std::string_view text;
    if (object.at_key(key).get(text) != simdjson::SUCCESS) return {};
    return text;
}

}  // namespace

status read_document_root(json_element value, document_root& into) {
    static constexpr std::array<std::string_view, 9> keys{"schemaVersion", "mediaType",   "artifactType",
                                                          "manifests",     "config",      "layers",
                                                          "subject",       "annotations", "fsLayers"};
    status done = read_object(value, keys, [&](std::size_t key, json_element field) -> status {
        switch (key) {
            case 0:
                return read_schema_version(field);
            case 1:
                return read_string(field, into.media_type);
            case 2:
                return read_string(field, into.artifact_type);
            case 3:
                into.manifests = field;
                return {};
            case 4:
                into.config = field;
                return {};
            case 5:
                into.layers = field;
                return {};
            case 6:
                if (!field.is_null()) into.subject = field;
                return {};
            case 7:
                if (!field.is_null()) into.annotations = field;
                return read_string_map(field);
            default:
                return {status_code::unsupported, "Docker's schema 1 is not supported; rebuild the image"};
        }
    });
    if (done.failed()) return done;

    const bool manifest = into.config || into.layers;
    if (into.manifests && manifest) {
        return {status_code::ambiguous, std::string("has both manifests and ") + (into.layers ? "layers" : "a config") +
                                            ", so it can be read as an index and as a manifest"};
    }
    if (!into.manifests && !manifest) {
        return {status_code::malformed, "has neither manifests nor a config, so it is neither an index nor a manifest"};
    }
    into.structure = manifest ? media_kind::manifest : media_kind::index;
    if (!into.media_type.empty() && kind_of(into.media_type) != into.structure) {
        return {status_code::ambiguous, "says its mediaType is " + quote(into.media_type) + ", but is built as " +
                                            std::string(describe(into.structure))};
    }
    return {};
}

result<identity> identify(json_reader& reader, std::span<const std::byte> bytes, std::string_view served_as,
                          std::uint32_t most_entries) {
    simdjson::dom::document document;
    REFRACT_ASSIGN(auto root, reader.read(document, bytes));
    document_root top;
    REFRACT_TRY(read_document_root(root, top));
    if (top.manifests) {
        if (status done = check_count(*top.manifests, most_entries); done.failed())
            return std::move(done).in("manifests");
    }
    if (top.layers) {
        if (status done = check_count(*top.layers, most_entries); done.failed()) return std::move(done).in("layers");
    }
    auto type = top.media_type;
    if (type.empty()) type = kind_of(served_as) == top.structure ? served_as : default_type(top.structure);
    auto artifact_type = top.artifact_type;
    if (artifact_type.empty() && top.config) artifact_type = text_in(*top.config, "mediaType");
    auto subject = top.subject ? text_in(*top.subject, "digest") : std::string_view();
    digest_algorithm algorithm{};
    if (!parse_digest(subject, algorithm)) subject = {};
    return identity{top.structure, std::string(type), std::string(artifact_type), std::string(subject)};
}

status read_document_root(json_element value, media_kind wanted, document_root& into) {
    REFRACT_TRY(read_document_root(value, into));
    if (into.structure == wanted) return {};
    return {status_code::type_mismatch,
            "type mismatch: want " + std::string(describe(wanted)) + ", got " + std::string(describe(into.structure))};
}

}  // namespace refract::oci
