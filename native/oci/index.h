// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "oci/descriptor.h"

namespace refract::oci {

/// An OCI image index or Docker manifest list (image-spec, image-index.md). Owns what its descriptors view.
class index {
public:
    /// Reads the bytes, whose digest and size the caller has checked. May be called again; memory is reused.
    status read(json_reader& reader, std::span<const std::byte> bytes, const limits& limits);

    std::string_view media_type() const noexcept { return media_type_; }
    /// Digest of the subject, or empty.
    std::string_view subject() const noexcept { return subject_; }
    std::string_view artifact_type() const noexcept { return artifact_type_; }
    const std::vector<descriptor>& entries() const noexcept { return entries_; }
    /// What an entry declares, or nullptr.
    const platform* platform_of(const descriptor& entry) const noexcept {
        return entry.platform == no_platform ? nullptr : &platforms_[entry.platform];
    }

private:
    simdjson::dom::document document_;
    std::string_view media_type_;
    std::string_view subject_;
    std::string_view artifact_type_;
    std::vector<descriptor> entries_;
    std::vector<platform> platforms_;
};

}  // namespace refract::oci
