// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "oci/descriptor.h"

namespace refract::oci {

/// An OCI or Docker schema 2 manifest, of an image or an artifact (image-spec, manifest.md). Owns what it views.
class manifest {
public:
    /// Reads the bytes, whose digest and size the caller has checked.
    status read(json_reader& reader, std::span<const std::byte> bytes, const limits& limits);

    std::string_view media_type() const noexcept { return media_type_; }
    std::string_view artifact_type() const noexcept { return artifact_type_; }
    /// Digest of the subject, or empty.
    std::string_view subject() const noexcept { return subject_; }
    /// One of the manifest's own annotations, or empty.
    std::string_view annotation(std::string_view key) const;
    const descriptor& config() const noexcept { return config_; }
    const std::vector<descriptor>& layers() const noexcept { return layers_; }

private:
    simdjson::dom::document document_;
    std::string_view media_type_;
    std::string_view artifact_type_;
    std::string_view subject_;
    json_element annotations_;  ///< to be read only if annotated_
    bool annotated_ = false;
    descriptor config_;
    std::vector<descriptor> layers_;
    std::vector<platform> platforms_;
};

}  // namespace refract::oci
