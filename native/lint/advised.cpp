// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "lint/facts.h"
#include "oci/base64.h"

namespace refract::lint {
namespace {

using json = nlohmann::ordered_json;

json platform_json(const oci::platform& of) {
    json made{{"os", of.os}, {"architecture", of.architecture}};
    if (!of.variant.empty()) made["variant"] = of.variant;
    if (!of.os_version.empty()) made["os.version"] = of.os_version;
    if (!of.os_features.empty()) made["os.features"] = of.os_features;
    return made;
}

/// Other bytes in place of `data` that is not the content: of the same length, or of none, as they were.
std::string like_data(const oci::descriptor& entry) {
    if (entry.data != oci::embedded::wrong) return {};
    return oci::encode_base64(std::string(static_cast<std::size_t>(entry.size), '\0'));
}

/// What an image's entry declares, else what its config does.
const oci::platform* platform_of(const facts& about, resolve::place where, const oci::descriptor& entry) {
    if (const auto* const declared = about.walk->read().platform_of(where)) return declared;
    const content* const known = about.find(entry.digest);
    return known == nullptr || known->config == nullptr ? nullptr : &known->config->declared();
}

}  // namespace

std::string advised_index(const facts& about) {
    static constexpr oci::platform none{"unknown", "unknown", {}, {}, {}};
    json images = json::array();
    json others = json::array();
    std::set<std::tuple<std::string_view, std::string>> seen;
    for_each_entry(about, [&](resolve::place where, const oci::descriptor& entry, resolve::role is) {
        const bool is_read = about.walk->read().find(entry.digest, resolve::document_kind::index) != resolve::none;
        if (is == resolve::role::index && is_read) return;  // its entries are listed themselves
        const bool is_image = is == resolve::role::image;
        const oci::platform* const of = is_image ? platform_of(about, where, entry) : &none;
        json made{{"mediaType", entry.media_type}, {"digest", entry.digest}, {"size", entry.size}};
        if (!entry.artifact_type.empty()) made["artifactType"] = entry.artifact_type;
        if (entry.data == oci::embedded::unfitting || entry.data == oci::embedded::wrong)
            made["data"] = like_data(entry);
        if (of != nullptr) made["platform"] = platform_json(*of);
        if (!seen.emplace(entry.digest, made.dump(-1, ' ', true, json::error_handler_t::replace)).second) return;
        (is_image ? images : others).push_back(std::move(made));
    });
    for (auto& one : others) images.push_back(std::move(one));
    const json index{{"schemaVersion", 2},
                     {"mediaType", oci::default_type(oci::media_kind::index)},
                     {"manifests", std::move(images)}};
    return index.dump(-1, ' ', true, json::error_handler_t::replace);
}

}  // namespace refract::lint
