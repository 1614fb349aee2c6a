// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace refract::oci {

/// What a person writes to name an image: "host/repo:tag", "host/repo@digest", "oci:DIR[:TAG]", "oci:DIR@digest", where
/// DIR may be a tar archive.
struct image_name {
    std::string host;        ///< "registry.example:5000"; empty for a layout
    std::string repository;  ///< "team/app"; of a layout its directory or archive
    std::string tag;         ///< "latest" where neither tag nor digest is given; of a layout it may be empty
    std::string digest;      ///< takes precedence over the tag

    bool is_layout() const noexcept { return host.empty(); }
    /// What to ask the repository for.
    const std::string& reference() const noexcept { return digest.empty() ? tag : digest; }
    /// "registry.example/team/app", "oci:DIR".
    std::string repository_name() const;
    /// As it was written, with all defaults spelt out.
    std::string text() const;
};

/// Follows distribution/reference's grammar and Docker's defaults: "alpine" is docker.io/library/alpine:latest. Reads
/// no file: of a layout, what is behind the last colon is the tag until layout::find_path() has looked what is there.
/// "docker://NAME" is NAME; "oci-archive:PATH" and "ocidir://PATH" are "oci:PATH"; other tools' prefixes are refused
/// with what to write instead.
result<image_name> parse_image_name(std::string_view text);

/// distribution-spec, "Pulling manifests": a tag.
bool is_tag(std::string_view text) noexcept;

}  // namespace refract::oci
