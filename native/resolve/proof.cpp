// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/proof.h"

#include <algorithm>

#include "base/printable.h"
#include "oci/kind.h"

namespace refract::resolve {

std::optional<std::string> disprove(const oci::manifest& manifest, std::string_view media_type,
                                    const request& request) {
    const auto config_type = manifest.config().media_type;
    if (!request.is_image_config(config_type) && !oci::is_legacy_docker_config(media_type, config_type)) {
        return "its config is no image config but " + quote(config_type, 80);
    }
    const auto artifact_type = manifest.artifact_type();
    if (!artifact_type.empty() && !request.is_image_config(artifact_type)) {
        return "its manifest has the artifactType " + quote(artifact_type, 80);
    }
    const auto& layers = manifest.layers();
    const auto is_payload = [](const oci::descriptor& layer) { return oci::is_artifact_payload(layer.media_type); };
    if (!layers.empty() && std::all_of(layers.begin(), layers.end(), is_payload)) {
        return "its layers are no file system but " + quote(layers.front().media_type, 80);
    }
    return std::nullopt;
}

std::optional<std::string> disprove(const oci::index& index, const request& request) {
    const auto type = index.artifact_type();
    if (!oci::is_empty_type(type) && !request.is_image_config(type)) {
        return "it has the artifactType " + quote(type, 80);
    }
    if (!index.subject().empty()) return "it is about " + std::string(index.subject()) + ", its subject";
    return std::nullopt;
}

std::optional<std::string> disprove(const oci::manifest& manifest, const oci::config& config) {
    const auto& all = manifest.layers();
    const auto layers = all.size();
    const auto unpacked =
        static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const oci::descriptor& layer) {
            return oci::is_file_system_layer(layer.media_type);
        }));
    const auto diff_ids = config.diff_ids_count();
    if (layers == diff_ids || (unpacked > 0 && unpacked == diff_ids)) return std::nullopt;
    return "it has " + std::to_string(layers) + (layers == 1 ? " layer" : " layers") + ", but its config names " +
           std::to_string(diff_ids);
}

}  // namespace refract::resolve
