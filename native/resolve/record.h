// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "resolve/references.h"

namespace refract::resolve {

/// Writes down artifacts that were found outside of an image's index, as an extended index of their own: whoever keeps
/// it can tell later, without a registry, what a search found. The same artifacts give the same bytes. Empty if there
/// are none.
std::string write_record(const std::vector<reference>& found);

/// What a record tells. Owns what its references view.
class record {
public:
    /// Reads the bytes, whose digest the caller has checked.
    status read(std::span<const std::byte> bytes, const limits& limits);
    const std::vector<reference>& references() const noexcept { return references_; }

private:
    std::unique_ptr<oci::json_reader> reader_;
    oci::index index_;
    std::vector<reference> references_;
};

}  // namespace refract::resolve
