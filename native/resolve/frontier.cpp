// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/frontier.h"

#include "resolve/role.h"

namespace refract::resolve {

void frontier::start(const documents& documents, const request& request, const request::want* want, bool indexes_only) {
    documents_ = &documents;
    request_ = &request;
    want_ = want;
    indexes_only_ = indexes_only;
    seen_.assign(1, true);
    items_ = items_of(0);
}

std::vector<frontier::item> frontier::items_of(std::uint32_t document) const {
    std::vector<item> items;
    const oci::index& index = *(*documents_)[document].index;
    std::uint32_t position = 0;
    for (const oci::descriptor& entry : index.entries()) {
        const place where{document, position++};
        const oci::platform* const declared = index.platform_of(entry);
        const role is = role_of(entry, declared, *request_);
        if (is != role::index && (is != role::image || indexes_only_)) continue;

        oci::platform_rank rank;
        if (declared != nullptr && want_ != nullptr) {
            const auto found = want_->preference.rank(*declared);
            if (!found) continue;
            rank = *found;
        }
        if (is == role::index) {
            items.push_back({where, kind::nested, {}});
        } else {
            items.push_back({where, declared != nullptr ? kind::declared : kind::undeclared, rank});
        }
    }
    return items;
}

void frontier::expand(std::size_t number, std::uint32_t document) {
    remove(number);
    if (seen_.size() <= document) seen_.resize(document + 1);
    if (seen_[document]) return;
    seen_[document] = true;
    const auto items = items_of(document);
    items_.insert(items_.begin() + static_cast<std::ptrdiff_t>(number), items.begin(), items.end());
}

std::optional<std::size_t> frontier::next() const {
    std::optional<std::size_t> best;
    std::optional<std::size_t> nested;
    std::optional<std::size_t> undeclared;
    for (std::size_t number = 0; number < items_.size(); ++number) {
        const item& one = items_[number];
        if (one.kind == kind::nested && !nested) nested = number;
        if (one.kind == kind::undeclared && !undeclared) undeclared = number;
        if (one.kind == kind::declared && (!best || one.rank < items_[*best].rank)) best = number;
    }
    if (!best) return nested ? nested : undeclared;
    const bool may_be_beaten = want_ == nullptr || !want_->preference.is_best(items_[*best].rank);
    if (nested && (*nested < *best || may_be_beaten)) return nested;
    return best;
}

}  // namespace refract::resolve
