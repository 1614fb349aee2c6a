// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/role.h"

#include "base/printable.h"
#include "oci/annotations.h"

namespace refract::resolve {
role role_of(const oci::descriptor& entry, const oci::platform* declared, const request& request) {
    if (entry.kind == oci::media_kind::other) return role::other;
    if (oci::has(entry.marks, oci::about_another)) return role::artifact;
    if (!entry.artifact_type.empty() && !request.is_image_config(entry.artifact_type)) return role::artifact;
    if (declared != nullptr && oci::is_unknown(*declared)) return role::artifact;
    return entry.kind == oci::media_kind::index ? role::index : role::image;
}

std::string describe_artifact(const oci::descriptor& entry, const oci::platform* declared) {
    const auto with = [](std::string_view what, std::string_view value) {
        return value.empty() ? "artifact" : "artifact (" + std::string(what) + ' ' + quote(value, 80) + ')';
    };
    if (oci::has(entry.marks, oci::mark::reference)) {
        const auto type = oci::annotation_of(entry, oci::annotation::reference_type);
        return type.empty() ? "artifact (has a reference digest)" : with("reference type", type);
    }
    if (oci::has(entry.marks, oci::mark::buildkit)) {
        return with("BuildKit", oci::annotation_of(entry, oci::annotation::buildkit_type));
    }
    if (oci::has(entry.marks, oci::mark::soci)) return "artifact (SOCI index)";
    if (!entry.artifact_type.empty()) return with("artifact type", entry.artifact_type);
    return declared != nullptr ? "artifact (platform " + oci::describe(*declared) + ')' : "artifact";
}

}  // namespace refract::resolve
