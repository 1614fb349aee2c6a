// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <queue>
#include <tuple>
#include <vector>

#include "resolve/documents.h"
#include "resolve/request.h"

namespace refract::resolve {

/// What the search for one platform still has before it: candidates and unread nested indexes, in document order (depth
/// first, nested indexes in place). Goes through the entries of each index once, and no further than the next decision
/// takes, so that a search costs no more than the indexes are long.
class frontier {
public:
    enum class kind { declared, undeclared, nested };

    struct item {
        resolve::place place;
        frontier::kind kind = kind::nested;
        oci::platform_rank rank;  ///< of what declares a platform
        std::uint64_t order = 0;  ///< in the document order of all that was gone through
    };

    /// Starts at the root. `want`: what to look for; nullptr takes every platform. `indexes_only` for listing.
    void start(const documents& documents, const request& request, const request::want* want, bool indexes_only);

    /// What to look at next so that nothing is read in vain: a declared candidate than which none can be better; else
    /// the next nested index, which may hold a better one; else the best declared candidate; else the next undeclared
    /// one. The same again until it is taken away by one of the two calls below.
    std::optional<item> next();

    /// Goes on with the entries of the index that `next` gave; without them if the index was seen before (a cycle, or
    /// listed twice).
    void expand(std::uint32_t document);
    /// Goes on without what `next` gave.
    void remove();

private:
    struct later {
        bool operator()(const item& a, const item& b) const {
            return std::tie(a.rank, a.order) > std::tie(b.rank, b.order);
        }
    };

    bool has_best() const {
        return !declared_.empty() && want_ != nullptr && want_->preference.is_best(declared_.top().rank);
    }
    /// Goes through entries until one is a nested index, or a declared candidate than which none can be better.
    void scan();
    void look_at(place where);

    const documents* documents_ = nullptr;
    const request* request_ = nullptr;
    const request::want* want_ = nullptr;
    bool indexes_only_ = false;

    std::vector<place> path_;  ///< the next entry to look at, and above it those of the indexes around it
    std::uint64_t order_ = 0;
    std::priority_queue<item, std::vector<item>, later> declared_;
    std::queue<item> undeclared_;
    std::optional<item> nested_;
    kind given_ = kind::nested;  ///< what `next` gave
    std::vector<bool> seen_;     ///< by number of the document
};

}  // namespace refract::resolve
