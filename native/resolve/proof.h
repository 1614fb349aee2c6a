// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>

#include "oci/config.h"
#include "oci/index.h"
#include "oci/manifest.h"
#include "resolve/request.h"

/// A candidate is selected, and a nested index looked into, only when its own bytes do not say that it is something
/// else. These functions give the reason why it is an artifact after all, or nothing.
namespace refract::resolve {

/// What the manifest says of itself: its config's type, its artifactType, its layers.
std::optional<std::string> disprove(const oci::manifest& manifest, std::string_view media_type, const request& request);

/// What a nested index says of itself: its artifactType, or a subject that it is about (image-spec, image-index.md).
std::optional<std::string> disprove(const oci::index& index, const request& request);

/// What its config says: each layer that containerd unpacks must have its diff_id. Layers of other types (WebAssembly,
/// models) may have one or not, but a manifest of nothing else than such layers has borrowed the config of nothing.
std::optional<std::string> disprove(const oci::manifest& manifest, const oci::config& config);

}  // namespace refract::resolve
