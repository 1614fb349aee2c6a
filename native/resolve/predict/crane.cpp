// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>

#include "resolve/predict/models.h"

/// go-containerregistry pkg/v1/remote/index.go, childByPlatform; fetcher.go; crane/manifest.go.
namespace refract::resolve {
namespace {

constexpr oci::platform linux_amd64{"linux", "amd64", {}, {}, {}};

/// matchesPlatform: compared as written, nothing is normalised. What the wanted platform leaves out may be anything;
/// what it has must be there.
bool matches(const oci::platform& declared, const oci::platform& wanted) {
    if (declared.os != wanted.os || declared.architecture != wanted.architecture) return false;
    if (!wanted.os_version.empty() && declared.os_version != wanted.os_version) return false;
    if (!wanted.variant.empty() && declared.variant != wanted.variant) return false;
    const auto& has = declared.os_features;
    return std::all_of(wanted.os_features.begin(), wanted.os_features.end(),
                       [&](std::string_view one) { return std::find(has.begin(), has.end(), one) != has.end(); });
}

/// The digest is a struct that is checked while the index is parsed, so one of an unknown algorithm spoils it all.
bool has_unknown_algorithm(const oci::index& index) {
    const auto& entries = index.entries();
    return std::any_of(entries.begin(), entries.end(),
                       [](const oci::descriptor& entry) { return entry.algorithm == oci::digest_algorithm::other; });
}

}  // namespace

attempt predict_crane(const oci::platform& wanted, evidence& known) {
    const documents& read = known.read();
    if (read[0].kind == document_kind::manifest) return takes_root(read);

    std::vector<place> path;
    for (std::uint32_t number = 0;;) {
        const std::string around = path.empty() ? "the index" : describe(path);
        if (read[number].kind == document_kind::manifest) {
            return refuses("it reads " + around + " as an index, as its entry says, but it is a manifest");
        }
        const oci::index& index = *read[number].index;
        if (has_unknown_algorithm(index)) {
            return refuses("it cannot parse " + around +
                           ": an entry's digest is of an algorithm that it does not know");
        }
        const auto& entries = index.entries();
        const auto found = std::find_if(entries.begin(), entries.end(), [&](const oci::descriptor& entry) {
            const oci::platform* declared = index.platform_of(entry);
            return matches(declared ? *declared : linux_amd64, wanted);
        });
        if (found == entries.end()) return finds_nothing("no entry of " + around + " is of " + oci::describe(wanted));
        path.push_back({number, static_cast<std::uint32_t>(found - entries.begin())});
        // remoteIndex.childDescriptor: whatever is there is used, and must be right.
        if (found->data == oci::embedded::unfitting || found->data == oci::embedded::wrong) {
            return refuses("it takes " + describe(path) + ", whose data is not what its digest and size name");
        }
        if (found->kind == oci::media_kind::other) {
            return refuses("it takes " + describe(path) + ", which is neither a manifest nor an index");
        }
        const bool is_index = found->kind == oci::media_kind::index;
        const auto& child = known.look(*found, is_index ? document_kind::index : document_kind::manifest, path.back(),
                                       static_cast<std::uint32_t>(path.size()));
        if (child.state == finding::state::waiting) return std::nullopt;
        // A manifest is handed over unread: any bytes with the right digest will do.
        const bool is_there = child.state == finding::state::read || child.state == finding::state::unreadable;
        if (!is_index && is_there) {
            return takes(read, std::move(path),
                         index.platform_of(*found)
                             ? "the first entry of that platform"
                             : "an entry without a platform is linux/amd64 to it, and this is the first that fits");
        }
        if (auto end = hindered(client::crane, child, path)) return end;
        number = child.document;
    }
}

}  // namespace refract::resolve
