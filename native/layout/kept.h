// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace refract::layout {

/// Documents that were read and whose digests were checked, so that neither is done again: who looks for the only image
/// of a layout, and for referrers, comes across the image that was asked for. The first ones are kept, up to a bound.
class kept_documents {
public:
    explicit kept_documents(std::uint64_t bytes) : left_(bytes) {}

    /// The bytes, or nullptr.
    const std::string* find(std::string_view digest) const {
        const auto found = all_.find(digest);
        return found == all_.end() ? nullptr : &found->second;
    }

    void keep(std::string_view digest, const std::string& bytes) {
        if (bytes.size() > left_ || !all_.try_emplace(std::string(digest), bytes).second) return;
        left_ -= bytes.size();
    }

private:
    std::map<std::string, std::string, std::less<>> all_;
    std::uint64_t left_;
};

}  // namespace refract::layout
