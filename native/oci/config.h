// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <span>

#include "oci/json.h"
#include "oci/platform.h"

namespace refract::oci {

/// What refract needs of an image's configuration (image-spec, config.md). Owns what it views.
class config {
public:
    /// Reads the bytes, whose digest and size the caller has checked.
    outcome read(json_reader& reader, std::span<const std::byte> bytes);

    const platform& declared() const noexcept { return platform_; }
    std::size_t diff_ids_count() const noexcept { return diff_ids_count_; }

private:
    simdjson::dom::document document_;
    platform platform_;
    std::size_t diff_ids_count_ = 0;
};

}  // namespace refract::oci
