// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "layout/referrers.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "oci/document.h"

namespace refract::layout {
namespace {

using json = nlohmann::ordered_json;

struct document {
    std::string subject;
    std::string artifact_type;
    json annotations = json::object();
};

/// An image's type is that of its config where it names no other (distribution-spec, "Listing Referrers").
outcome read_document(oci::json_reader& reader, const std::string& bytes, const limits& limits, document& into) {
    simdjson::dom::document parsed;
    auto root = reader.read(parsed, std::as_bytes(std::span(bytes)));
    if (root.failed()) return std::move(root).take();
    oci::document_root top;
    if (outcome done = oci::read_document_root(root.value(), top); done.failed()) return done;
    if (!top.subject) return {};
    std::vector<oci::platform> platforms;
    oci::descriptor subject;
    if (outcome done = oci::read_descriptor(*top.subject, limits, subject, platforms); done.failed()) return done;
    into.subject = subject.digest;
    into.artifact_type = top.artifact_type;
    std::string_view config_type;
    if (into.artifact_type.empty() && top.config &&
        top.config->at_key("mediaType").get(config_type) == simdjson::SUCCESS) {
        into.artifact_type = config_type;
    }
    simdjson::dom::object annotations;
    if (root.value().at_key("annotations").get(annotations) != simdjson::SUCCESS) return {};
    for (const auto [key, value] : annotations) {
        std::string_view text;
        if (outcome done = oci::read_string(value, text); done.failed()) return done;
        into.annotations[std::string(key)] = std::string(text);
    }
    return {};
}

std::string describe(const oci::descriptor& entry, const document& read) {
    json descriptor{
        {"mediaType", std::string(entry.media_type)}, {"digest", std::string(entry.digest)}, {"size", entry.size}};
    if (!read.artifact_type.empty()) descriptor["artifactType"] = read.artifact_type;
    if (!read.annotations.empty()) descriptor["annotations"] = read.annotations;
    return descriptor.dump();
}

}  // namespace

result<referrers> find_referrers(const file_handle& directory, const oci::index& of, oci::json_reader& reader,
                                 const limits& limits, const discovery_limits& discovery) {
    referrers found;
    std::set<std::string_view> seen;
    std::uint64_t bytes = 0;
    for (const auto& entry : of.entries()) {
        if (entry.kind == oci::media_kind::other || entry.algorithm == oci::digest_algorithm::other) continue;
        if (!seen.insert(entry.digest).second) continue;
        if (seen.size() > discovery.found) {
            return error{status::limit_exceeded, "index.json lists more manifests than the limit of " +
                                                     std::to_string(discovery.found) + " that are read for referrers"};
        }
        auto path = blob_path(entry.digest);
        if (path.failed()) return std::move(path).take();
        auto text = read_file(directory, path.value(), limits.document_bytes);
        if (text.failed() && text.why().code == status::missing) continue;
        if (text.failed()) return std::move(text).take();
        bytes += text.value().size();
        if (bytes > discovery.bytes) {
            return error{status::limit_exceeded, "the manifests that index.json lists are longer than the limit of " +
                                                     std::to_string(discovery.bytes) + " bytes"};
        }
        if (outcome done = oci::verify_digest(entry.digest, std::as_bytes(std::span(text.value()))); done.failed()) {
            return std::move(done).in(path.value());
        }
        document read;
        if (read_document(reader, text.value(), limits, read).failed() || read.subject.empty()) continue;
        found.emplace(read.subject, describe(entry, read));
    }
    return found;
}

std::string referrers_index(const referrers& all, const std::string& subject) {
    json index{
        {"schemaVersion", 2}, {"mediaType", "application/vnd.oci.image.index.v1+json"}, {"manifests", json::array()}};
    const auto [begin, end] = all.equal_range(subject);
    for (auto at = begin; at != end; ++at) index["manifests"].push_back(json::parse(at->second));
    return index.dump();
}

}  // namespace refract::layout
