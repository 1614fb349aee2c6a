// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/media_type.h"

#include <algorithm>
#include <array>
#include <string>

namespace refract::oci {
namespace {

constexpr std::string_view oci_index = "application/vnd.oci.image.index.v1+json";
constexpr std::string_view oci_manifest = "application/vnd.oci.image.manifest.v1+json";
constexpr std::string_view oci_config = "application/vnd.oci.image.config.v1+json";
constexpr std::string_view docker_index = "application/vnd.docker.distribution.manifest.list.v2+json";
constexpr std::string_view docker_manifest = "application/vnd.docker.distribution.manifest.v2+json";
constexpr std::string_view docker_config = "application/vnd.docker.container.image.v1+json";
constexpr std::string_view oci_empty = "application/vnd.oci.empty.v1+json";
constexpr std::string_view octet_stream = "application/octet-stream";

constexpr std::string_view oci_layer_prefix = "application/vnd.oci.image.layer.";
/// Compared without what follows a "+".
constexpr std::array other_layers = std::to_array<std::string_view>({
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.erofs.layer.v1",
});

}  // namespace

media_kind kind_of(std::string_view media_type) noexcept {
    if (media_type == oci_manifest || media_type == docker_manifest) return media_kind::manifest;
    if (media_type == oci_index || media_type == docker_index) return media_kind::index;
    return media_kind::other;
}

std::string_view describe(media_kind kind) noexcept {
    switch (kind) {
        case media_kind::index:
            return "an index";
        case media_kind::manifest:
            return "a manifest";
        case media_kind::other:
            break;
    }
    return "neither an index nor a manifest";
}

std::string_view accepted_documents() noexcept {
    static const std::string all = std::string(oci_index) + ", " + std::string(docker_index) + ", " +
                                   std::string(oci_manifest) + ", " + std::string(docker_manifest);
    return all;
}

std::string_view default_type(media_kind kind) noexcept {
    return kind == media_kind::index ? oci_index : kind == media_kind::manifest ? oci_manifest : std::string_view();
}

bool is_image_config(std::string_view media_type) noexcept {
    return media_type == oci_config || media_type == docker_config;
}

bool is_legacy_docker_config(std::string_view manifest_type, std::string_view config_type) noexcept {
    return manifest_type == docker_manifest && config_type == octet_stream;
}

bool is_file_system_layer(std::string_view media_type) noexcept {
    if (media_type.starts_with(oci_layer_prefix)) return true;
    const auto base = media_type.substr(0, media_type.find('+'));
    return std::find(other_layers.begin(), other_layers.end(), base) != other_layers.end();
}

bool is_empty_type(std::string_view media_type) noexcept { return media_type.empty() || media_type == oci_empty; }

}  // namespace refract::oci
