// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "oci/json.h"
#include "oci/platform.h"

namespace refract::oci {

/// What refract needs of an image's configuration (image-spec, config.md), and no more of it: a config may be 4 MiB
/// long.
class config {
public:
    config() = default;
    config(const config&) = delete;  // it views its own strings
    config& operator=(const config&) = delete;

    /// Reads the bytes, whose digest and size the caller has checked.
    status read(json_reader& reader, std::span<const std::byte> bytes);

    const platform& declared() const noexcept { return platform_; }
    std::size_t diff_ids_count() const noexcept { return diff_ids_count_; }

private:
    /// Copies what the platform views out of the document.
    void keep_strings();

    std::string strings_;
    platform platform_;
    std::size_t diff_ids_count_ = 0;
};

}  // namespace refract::oci
