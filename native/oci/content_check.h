// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "oci/digest.h"

namespace refract::oci {

/// Whether bytes that come in pieces are those that a descriptor names (image-spec, descriptor.md, "Verification").
class content_check {
public:
    /// A digest that is malformed or cannot be verified is refused, and so is a negative size.
    static result<content_check> of(std::string_view digest, std::int64_t size);

    /// The next bytes: `size_mismatch` as soon as there are too many.
    status update(std::span<const std::byte> bytes);
    /// All have come: `size_mismatch` if there were too few, `digest_mismatch` if they were others. Once.
    status finish();

private:
    content_check(std::string_view digest, std::uint64_t size, hasher made)
        : digest_(digest), size_(size), hasher_(std::move(made)) {}

    std::string digest_;
    std::uint64_t size_;
    std::uint64_t count_ = 0;
    hasher hasher_;
};

}  // namespace refract::oci
