// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <vector>

#include "resolve/documents.h"
#include "resolve/request.h"

namespace refract::resolve {

/// What the search for one platform still has before it: candidates and unread nested indexes, in document order (depth
/// first, nested indexes in place). Reading a nested index puts its entries where the index stood.
class frontier {
public:
    enum class kind { declared, undeclared, nested };

    struct item {
        resolve::place place;
        frontier::kind kind = kind::nested;
        oci::platform_rank rank;  ///< of a declared candidate
    };

    /// Starts at the root. `want`: what to look for; nullptr takes every platform. `indexes_only` for listing.
    void start(const documents& documents, const request& request, const request::want* want, bool indexes_only);

    /// Replaces the nested item by the entries of its index; by nothing if the index was seen before (a cycle, or
    /// listed twice).
    void expand(std::size_t number, std::uint32_t document);
    void remove(std::size_t number) { items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(number)); }

    /// What to look at next so that nothing is read in vain: the best declared candidate, unless a nested index before
    /// it, or one that might hold something better, must be read first; a nested index; an undeclared candidate.
    std::optional<std::size_t> next() const;

    const item& operator[](std::size_t number) const noexcept { return items_[number]; }

private:
    std::vector<item> items_of(std::uint32_t document) const;

    const documents* documents_ = nullptr;
    const request* request_ = nullptr;
    const request::want* want_ = nullptr;
    bool indexes_only_ = false;
    std::vector<item> items_;
    std::vector<bool> seen_;  ///< by number of the document
};

}  // namespace refract::resolve
