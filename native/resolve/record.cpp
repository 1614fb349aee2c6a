// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/record.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "oci/annotations.h"
#include "oci/digest.h"
#include "oci/media_type.h"

namespace refract::resolve {
namespace {

namespace annotation = oci::annotation;

constexpr char between_sources = ',';
constexpr char between_types = '\n';

std::string names_of(std::uint32_t sources) {
    std::string names;
    for (std::uint32_t bit = 1; bit <= source_cosign_tag; bit <<= 1) {
        const auto name = source_name(sources & bit);
        if (name.empty()) continue;
        if (!names.empty()) names += between_sources;
        names += name;
    }
    return names;
}

std::string lines_of(const std::vector<std::string_view>& types) {
    std::string lines;
    for (const auto type : types) {
        if (type.find(between_types) != std::string_view::npos) continue;  // no type that anybody asks for
        if (!lines.empty()) lines += between_types;
        lines += type;
    }
    return lines;
}

std::vector<std::string_view> types_of(std::string_view lines) {
    std::vector<std::string_view> types;
    while (!lines.empty()) {
        types.push_back(lines.substr(0, lines.find(between_types)));
        lines.remove_prefix(std::min(lines.size(), types.back().size() + 1));
    }
    return types;
}

std::uint32_t sources_of(std::string_view names) {
    std::uint32_t sources = 0;
    while (!names.empty()) {
        const auto name = names.substr(0, names.find(between_sources));
        names.remove_prefix(std::min(names.size(), name.size() + 1));
        for (std::uint32_t bit = 1; bit <= source_cosign_tag; bit <<= 1) {
            if (source_name(bit) == name) sources |= bit;
        }
    }
    return sources;
}

}  // namespace

std::string write_record(const std::vector<reference>& found) {
    using json = nlohmann::ordered_json;
    json entries = json::array();
    for (const reference& one : found) {
        if (one.descriptor == nullptr || !one.malformed.empty()) continue;
        json annotations;
        if (!one.subject.empty()) annotations[std::string(annotation::reference_digest)] = one.subject;
        if (!one.type.empty()) annotations[std::string(annotation::reference_type)] = one.type;
        if (!one.description.empty()) annotations[std::string(annotation::reference_description)] = one.description;
        annotations[std::string(annotation::found_source)] = names_of(one.sources);
        if (!one.tag.empty()) annotations[std::string(annotation::found_tag)] = one.tag;
        if (auto lines = lines_of(one.other_types); !lines.empty()) {
            annotations[std::string(annotation::found_types)] = std::move(lines);
        }
        json entry;
        entry["mediaType"] = one.descriptor->media_type;
        entry["digest"] = one.descriptor->digest;
        entry["size"] = one.descriptor->size;
        if (!one.artifact_type.empty()) entry["artifactType"] = one.artifact_type;
        entry["annotations"] = std::move(annotations);
        entries.push_back(std::move(entry));
    }
    if (entries.empty()) return {};
    json index;
    index["schemaVersion"] = 2;
    index["mediaType"] = oci::default_type(oci::media_kind::index);
    index["manifests"] = std::move(entries);
    return index.dump();
}

status record::read(std::span<const std::byte> bytes, const limits& limits) {
    references_.clear();
    reader_ = std::make_unique<oci::json_reader>(limits.json_depth);
    // What a record has in annotations may have stood elsewhere.
    refract::limits wide = limits;
    wide.annotation_bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(limits.document_bytes, UINT32_MAX));
    REFRACT_TRY(index_.read(*reader_, bytes, wide));
    for (const oci::descriptor& entry : index_.entries()) {
        reference one;
        one.descriptor = &entry;
        one.subject = oci::annotation_of(entry, annotation::reference_digest);
        one.type = oci::annotation_of(entry, annotation::reference_type);
        one.description = oci::annotation_of(entry, annotation::reference_description);
        one.tag = oci::annotation_of(entry, annotation::found_tag);
        one.sources = sources_of(oci::annotation_of(entry, annotation::found_source));
        one.artifact_type = entry.artifact_type;
        one.other_types = types_of(oci::annotation_of(entry, annotation::found_types));
        one.kinds = kinds_of(one);
        oci::digest_algorithm algorithm{};
        if (one.sources == 0 || !(one.subject.empty() || oci::parse_digest(one.subject, algorithm))) {
            return {status_code::malformed,
                    "entry " + std::string(entry.digest) + " does not say where it was found, or is about no digest"};
        }
        references_.push_back(std::move(one));
    }
    return {};
}

}  // namespace refract::resolve
