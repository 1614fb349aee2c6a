// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <array>

#include "base/printable.h"
#include "resolve/predict/models.h"

/// containers/image copy/copy.go, manifest/oci_index.go and docker_schema2_list.go (ChooseInstance),
/// internal/pkg/platform/platform_matcher.go.
namespace refract::resolve {
namespace {

constexpr std::string_view docker_list = "application/vnd.docker.distribution.manifest.list.v2+json";

/// WantedPlatforms: which variants are tried, the first first. Without a variant the bare platform is tried before all.
std::vector<std::string_view> variants_of(const oci::platform& wanted) {
    static constexpr std::array<std::string_view, 4> arm{"v8", "v7", "v6", "v5"};
    std::vector<std::string_view> known;
    if (wanted.architecture == "arm") known.assign(arm.begin(), arm.end());
    if (wanted.architecture == "arm64") known = {"v8"};
    std::vector<std::string_view> tried;
    if (wanted.variant.empty()) {
        tried.push_back({});
        tried.insert(tried.end(), known.begin(), known.end());
        return tried;
    }
    const auto from = std::find(known.begin(), known.end(), wanted.variant);
    tried.assign(from, known.end());
    if (tried.empty()) tried.push_back(wanted.variant);
    tried.push_back({});
    return tried;
}

/// ChooseInstance: compared as written, for each variant in turn over all entries. Media types do not count. In an OCI
/// index the first entry without a platform is taken instead; in a Docker list a missing platform is an empty one.
const oci::descriptor* choose(const document& list, const oci::platform& wanted) {
    const oci::index& index = *list.index;
    for (const auto variant : variants_of(wanted)) {
        for (const auto& entry : index.entries()) {
            const oci::platform* declared = index.platform_of(entry);
            if (declared && declared->os == wanted.os && declared->architecture == wanted.architecture &&
                declared->variant == variant) {
                return &entry;
            }
        }
    }
    if (list.media_type == docker_list) return nullptr;
    for (const auto& entry : index.entries()) {
        if (!index.platform_of(entry)) return &entry;
    }
    return nullptr;
}

constexpr std::string_view docker_manifest = "application/vnd.docker.distribution.manifest.v2+json";

/// SupportedSchema2MediaType: what a Docker manifest's layers may be called, at all. OCI manifests are not asked.
bool is_docker_type(std::string_view media_type) {
    static constexpr std::array allowed = std::to_array<std::string_view>({
        docker_list,
        docker_manifest,
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.docker.container.image.v1+json",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    });
    return std::find(allowed.begin(), allowed.end(), media_type) != allowed.end();
}

/// Schema2FromManifest: the layer that makes it refuse a Docker manifest, or nullptr.
const oci::descriptor* foreign_layer(const oci::manifest& manifest) {
    if (manifest.media_type() != docker_manifest) return nullptr;
    for (const auto& layer : manifest.layers()) {
        if (!is_docker_type(layer.media_type)) return &layer;
    }
    return nullptr;
}

}  // namespace

attempt predict_skopeo(const oci::platform& wanted, evidence& known) {
    const documents& read = known.read();
    std::uint32_t number = 0;
    std::vector<place> path;
    std::string reason;
    if (read[0].kind == document_kind::index) {
        const oci::descriptor* const chosen = choose(read[0], wanted);
        if (!chosen) return finds_nothing("no entry of the index is of " + oci::describe(wanted));
        path.push_back({0, static_cast<std::uint32_t>(chosen - read[0].index->entries().data())});
        if (chosen->algorithm != oci::digest_algorithm::sha256) {
            return refuses("it takes " + describe(path) + ", whose digest it cannot verify: it knows only sha256");
        }
        if (chosen->kind == oci::media_kind::other) {
            return refuses("it takes " + describe(path) + ", which is neither a manifest nor an index");
        }
        const auto kind = chosen->kind == oci::media_kind::index ? document_kind::index : document_kind::manifest;
        const auto& child = known.look(*chosen, kind, path.back(), 1);
        if (child.state == finding::state::waiting) return std::nullopt;
        if (auto end = hindered(client::skopeo, child, path)) return end;
        number = child.document;
        if (read[number].kind == document_kind::index) {
            return refuses("it takes " + describe(path) + ", an index, and does not follow indexes inside indexes");
        }
        reason = read[0].index->platform_of(*chosen)
                     ? "the first entry of the best of the variants that it takes"
                     : "no entry is of that platform, and this is the first that declares none";
    }
    const oci::manifest& manifest = *read[number].manifest;
    const std::string what = path.empty() ? "the manifest" : describe(path);
    if (const auto* const layer = foreign_layer(manifest)) {
        return refuses("it takes " + what + ", a Docker manifest, and accepts no layer of type " +
                       quote(layer->media_type, 80) + " there");
    }
    const auto& config = known.look(manifest.config(), document_kind::config, path.empty() ? place{} : path.back(),
                                    static_cast<std::uint32_t>(path.size()));
    if (config.state == finding::state::waiting) return std::nullopt;
    if (config.state == finding::state::lost) {
        return refuses("it takes " + what + ", whose config " + config.why.message);
    }
    // Of blobs the size is checked, of manifests it is not.
    if (config.state != finding::state::beyond && config.size != manifest.config().size) {
        return refuses("it takes " + what + ", whose config has another size than the manifest says");
    }
    if (config.state == finding::state::beyond) {
        return error{config.why.code, "cannot tell what skopeo makes of " + what +
                                          ", whose config refract does not read: " + config.why.message};
    }
    return path.empty() ? takes_root(read) : takes(read, std::move(path), std::move(reason));
}

}  // namespace refract::resolve
