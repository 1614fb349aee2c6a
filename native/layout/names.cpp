// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "layout/names.h"

#include <algorithm>

#include "base/printable.h"
#include "oci/annotations.h"
#include "oci/image_name.h"

namespace refract::layout {
namespace {

namespace annotation = oci::annotation;

constexpr std::size_t most_listed = 10;
constexpr std::size_t longest_shown = 512;
/// Of a digest's hex in a tag (distribution-spec, "Referrers Tag Schema").
constexpr std::size_t tag_digits = 64;

/// Proposal F and OCI's referrers tag: "sha256-<64 hex>", with a suffix perhaps. It names what is about an image.
bool is_digest_tag(std::string_view name) {
    static constexpr std::size_t prefix = 7;  // "sha256-"
    if (!name.starts_with("sha256-") && !name.starts_with("sha512-")) return false;
    const auto hex = name.substr(prefix, tag_digits);
    const auto rest = name.substr(std::min(name.size(), prefix + tag_digits));
    return hex.size() == tag_digits && hex.find_first_not_of("0123456789abcdef") == std::string_view::npos &&
           (rest.empty() || rest.starts_with('.'));
}

/// "1.0" of "registry.example/app:1.0", also with a digest behind it; empty of what is no whole name.
std::string_view tag_of(std::string_view name) {
    name = name.substr(0, name.find('@'));
    const auto colon = name.rfind(':');
    if (colon == std::string_view::npos || colon == 0 || !oci::is_tag(name.substr(colon + 1))) return {};
    return name.substr(colon + 1);
}

/// The whole name with Docker's defaults; empty of what is none.
std::string normal(std::string_view name) {
    if (name.find_first_of(":/") == std::string_view::npos) return {};
    auto parsed = oci::parse_image_name(name);
    return parsed.ok() && !parsed.value().is_layout() ? parsed.value().text() : std::string();
}

std::string_view cosign_suffix(std::string_view kind) {
    if (kind == annotation::cosign_kind_signatures) return ".sig";
    return kind == annotation::cosign_kind_attestations ? ".att" : "";
}

std::string digest_tag(std::string_view digest) {
    const auto colon = digest.find(':');
    return std::string(digest.substr(0, colon)) + '-' + std::string(digest.substr(colon + 1, tag_digits));
}

std::string join(const std::set<std::string>& all) {
    std::string text;
    std::size_t count = 0;
    for (const auto& name : all) {
        if (count++ == most_listed) return text + " and " + std::to_string(all.size() - most_listed) + " more";
        text += (text.empty() ? "" : ", ") + printable(name, longest_shown);
    }
    return text.empty() ? "none" : text;
}

}  // namespace

names::names(const oci::index& of) {
    for (const auto& entry : of.entries()) {
        add(oci::annotation_of(entry, annotation::containerd_image_name), entry);
        add(oci::annotation_of(entry, annotation::ref_name), entry);
        if (oci::has(entry.marks, oci::about_another)) attached_.insert(entry.digest);
        entries_.push_back(&entry);
    }
    add_cosign(of);
}

void names::add(std::string_view name, const oci::descriptor& entry) {
    if (name.empty()) return;
    named_.insert(entry.digest);
    exact_.emplace(name, &entry);
    const auto tag = tag_of(name);
    if (!tag.empty()) by_tag_.emplace(tag, &entry);
    if (auto whole = normal(name); !whole.empty()) normal_.emplace(std::move(whole), &entry);
    const auto about = is_digest_tag(tag) ? tag : name;
    tags_.emplace(name);
    if (!is_digest_tag(about)) return;
    tags_.emplace(about);
    attached_.insert(entry.digest);
}

/// cosign writes one image into a layout, and what signs it beside it.
void names::add_cosign(const oci::index& of) {
    std::set<std::string_view> images;
    for (const auto& entry : of.entries()) {
        const auto kind = oci::annotation_of(entry, annotation::cosign_kind);
        if (kind == annotation::cosign_kind_image || kind == annotation::cosign_kind_index) images.insert(entry.digest);
    }
    for (const auto& entry : of.entries()) {
        const auto suffix = cosign_suffix(oci::annotation_of(entry, annotation::cosign_kind));
        if (suffix.empty()) continue;
        attached_.insert(entry.digest);
        if (images.size() != 1) continue;
        const auto tag = digest_tag(*images.begin()) + std::string(suffix);
        exact_.emplace(tag, &entry);
        tags_.insert(tag);
    }
}

std::vector<const oci::descriptor*> names::matches(const std::string& name) const {
    std::vector<const oci::descriptor*> found;
    const auto take = [&](const table& from, const std::string& key) {
        const auto [begin, end] = from.equal_range(key);
        for (auto at = begin; at != end; ++at) {
            const bool known = std::any_of(found.begin(), found.end(), [&](const oci::descriptor* one) {
                return one->digest == at->second->digest;
            });
            if (!known) found.push_back(at->second);
            if (found.size() == most_listed) return;
        }
    };
    take(exact_, name);
    if (found.empty()) take(normal_, normal(name));
    if (found.empty() && oci::is_tag(name)) take(by_tag_, name);
    return found;
}

result<const oci::descriptor*> names::find(const std::string& name) const {
    const auto found = matches(name);
    if (found.size() == 1) return found.front();
    if (found.empty()) {
        return error{status_code::missing, "tag " + printable(name) + " is not there; there are: " + listed()};
    }
    return error{status_code::ambiguous,
                 "tag " + printable(name) + " is there more than once; write one of these instead: " + listed(found)};
}

std::string names::listed(const std::vector<const oci::descriptor*>& entries) const {
    std::set<std::string> all;
    std::set<std::string> tried;
    for (const auto* const entry : entries) {
        bool written = false;
        for (const auto key : {annotation::containerd_image_name, annotation::ref_name}) {
            const std::string name(oci::annotation_of(*entry, key));
            // A name that leads to two documents is of no use.
            if (tried.insert(name).second && !name.empty() && matches(name).size() == 1) all.insert(name);
            written = written || all.contains(name);
        }
        if (!written) all.insert('@' + std::string(entry->digest));
    }
    return join(all);
}

std::string names::listed() const {
    std::vector<const oci::descriptor*> images;
    const auto copy = [&](bool named) {
        std::copy_if(entries_.begin(), entries_.end(), std::back_inserter(images), [&](const oci::descriptor* entry) {
            return !is_attached(*entry) && (!named || is_named(*entry));
        });
    };
    copy(true);
    if (images.empty()) copy(false);
    return listed(images);
}

}  // namespace refract::layout
