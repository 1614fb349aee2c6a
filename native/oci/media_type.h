// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string_view>

namespace refract::oci {

/// What a media type names. OCI's and Docker's types of one kind are alike (image-spec, media-types.md,
/// "Compatibility Matrix").
enum class media_kind : std::uint8_t { other, index, manifest };

media_kind kind_of(std::string_view media_type) noexcept;

/// "an index", "a manifest", "neither an index nor a manifest"; for messages.
std::string_view describe(media_kind kind) noexcept;

/// What an Accept header lists to be given any of them as it is.
std::string_view accepted_documents() noexcept;

/// The OCI type of a kind, for what does not say of itself which it is.
std::string_view default_type(media_kind kind) noexcept;

/// An image's configuration, OCI or Docker.
bool is_image_config(std::string_view media_type) noexcept;

/// Docker's manifests pushed through distribution before 2.6 call their config an octet-stream (distribution#1622);
/// containerd still runs them, and so do we.
bool is_legacy_docker_config(std::string_view manifest_type, std::string_view config_type) noexcept;

/// A layer that containerd unpacks into a root file system and counts against the config's diff_ids (its
/// images.IsLayerType): OCI's and Docker's in every compression, encrypted ones too, and EROFS.
bool is_file_system_layer(std::string_view media_type) noexcept;

/// Whether it says nothing of what it is the type of: there is none, or it is OCI's type of the empty document, which
/// is used where a descriptor is required (image-spec, manifest.md, "Guidance for an Empty Descriptor").
bool is_empty_type(std::string_view media_type) noexcept;

}  // namespace refract::oci
