// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "layout/referrers.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/bytes.h"
#include "oci/digest.h"
#include "oci/document.h"

namespace refract::layout {
namespace {

using json = nlohmann::ordered_json;

struct document {
    std::string media_type;
    std::string subject;
    std::string artifact_type;
    json annotations = json::object();
};

/// An image's type is that of its config where it names no other (distribution-spec, "Listing Referrers").
status read_referrer(oci::json_reader& reader, const std::string& bytes, const limits& limits, document& into) {
    simdjson::dom::document parsed;
    REFRACT_ASSIGN(auto root, reader.read(parsed, bytes_of(bytes)));
    oci::document_root top;
    REFRACT_TRY(oci::read_document_root(root, top));
    if (!top.subject) return {};
    std::vector<oci::platform> platforms;
    oci::descriptor subject;
    REFRACT_TRY(oci::read_descriptor(*top.subject, limits, subject, platforms));
    into.media_type = top.media_type.empty() ? oci::default_type(top.structure) : top.media_type;
    into.subject = subject.digest;
    into.artifact_type = top.artifact_type;
    std::string_view config_type;
    if (into.artifact_type.empty() && top.config &&
        top.config->at_key("mediaType").get(config_type) == simdjson::SUCCESS) {
        into.artifact_type = config_type;
    }
    simdjson::dom::object annotations;
    if (root.at_key("annotations").get(annotations) != simdjson::SUCCESS) return {};
    for (const auto [key, value] : annotations) {
        std::string_view text;
        REFRACT_TRY(oci::read_string(value, text));
        into.annotations[std::string(key)] = std::string(text);
    }
    return {};
}

std::string describe(const std::string& digest, std::size_t size, const document& read) {
    json descriptor{{"mediaType", read.media_type}, {"digest", digest}, {"size", size}};
    if (!read.artifact_type.empty()) descriptor["artifactType"] = read.artifact_type;
    if (!read.annotations.empty()) descriptor["annotations"] = read.annotations;
    return descriptor.dump();
}

class finder {
public:
    finder(storage& from, const kept_documents& kept, oci::json_reader& reader, const limits& limits,
           const discovery_limits& discovery)
        : from_(from), kept_(kept), reader_(reader), limits_(limits), discovery_(discovery) {}

    status add_listed(const oci::index& of, std::vector<std::string>& notices);
    void add_others(const layout_limits& bounds, std::vector<std::string>& notices);
    referrers take() && { return std::move(found_); }

private:
    void add(const std::string& digest, const std::string& text) {
        document read;
        if (read_referrer(reader_, text, limits_, read).failed() || read.subject.empty()) return;
        found_.emplace(read.subject, describe(digest, text.size(), read));
    }
    bool is_too_much(std::size_t more) { return (bytes_ += more) > discovery_.bytes; }

    storage& from_;
    const kept_documents& kept_;
    oci::json_reader& reader_;
    const limits& limits_;
    const discovery_limits& discovery_;
    std::set<std::string, std::less<>> seen_;
    std::uint64_t bytes_ = 0;
    referrers found_;
};

/// Manifests beyond the limit are left to add_others.
status finder::add_listed(const oci::index& of, std::vector<std::string>& notices) {
    for (const auto& entry : of.entries()) {
        if (entry.kind == oci::media_kind::other || entry.algorithm == oci::digest_algorithm::other) continue;
        if (seen_.contains(entry.digest)) continue;
        if (seen_.size() >= discovery_.found) return {};
        seen_.emplace(entry.digest);
        REFRACT_ASSIGN(auto path, blob_path(entry.digest));
        const std::string* const known = kept_.find(entry.digest);
        auto text = known != nullptr ? *known : read_file(from_, path, limits_.document_bytes);
        if (text.failed() && text.why().code == status_code::missing) continue;
        if (text.failed()) return std::move(text).take();
        if (is_too_much(text.value().size())) {
            notices.push_back("the manifests that index.json lists are longer than the limit of " +
                              std::to_string(discovery_.bytes) +
                              " bytes that are read for referrers: what the others are about was not looked at");
            return {};
        }
        if (known == nullptr) {
            status done = oci::verify_digest(entry.digest, bytes_of(text.value()));
            if (done.failed()) return std::move(done).in(path);
        }
        add(std::string(entry.digest), text.value());
    }
    return {};
}

/// What index.json does not list: `cosign save` leaves bundles so, and other tools what is inside of indexes.
void finder::add_others(const layout_limits& bounds, std::vector<std::string>& notices) {
    const auto blobs = from_.blobs(bounds.scanned_blobs);
    if (!blobs.whole) {
        notices.push_back("the layout has more blobs than the limit of " + std::to_string(bounds.scanned_blobs) +
                          " that are looked at; what is attached without being in index.json may be missing here");
    }
    for (const auto& digest : blobs.digests) {
        if (!seen_.insert(digest).second) continue;
        auto path = blob_path(digest);
        if (path.failed()) continue;
        const std::string* const known = kept_.find(digest);
        auto text = known != nullptr ? *known : read_document(from_, path.value(), limits_.document_bytes);
        if (text.failed() || text.value().empty()) continue;
        if (is_too_much(text.value().size())) {
            notices.push_back("the layout's documents are longer than the limit of " +
                              std::to_string(discovery_.bytes) +
                              " bytes that are read; what is attached without being in index.json may be missing here");
            return;
        }
        if (known == nullptr && oci::verify_digest(digest, bytes_of(text.value())).failed()) continue;
        add(digest, text.value());
    }
}

}  // namespace

result<referrers> find_referrers(storage& from, const kept_documents& kept, const oci::index& of,
                                 oci::json_reader& reader, const limits& limits, const discovery_limits& discovery,
                                 const layout_limits& bounds, std::vector<std::string>& notices) {
    finder all(from, kept, reader, limits, discovery);
    REFRACT_TRY(all.add_listed(of, notices));
    all.add_others(bounds, notices);
    return std::move(all).take();
}

std::string referrers_index(const referrers& all, const std::string& subject) {
    json index{
        {"schemaVersion", 2}, {"mediaType", "application/vnd.oci.image.index.v1+json"}, {"manifests", json::array()}};
    const auto [begin, end] = all.equal_range(subject);
    for (auto at = begin; at != end; ++at) index["manifests"].push_back(json::parse(at->second));
    return index.dump();
}

}  // namespace refract::layout
