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
    path_.assign(1, place{0, 0});
    order_ = 0;
    declared_ = {};
    undeclared_ = {};
    nested_.reset();
    seen_.assign(1, true);
}

std::optional<frontier::item> frontier::next() {
    scan();
    const auto give = [&](const item& one) {
        given_ = one.kind;
        return one;
    };
    if (has_best()) return give(declared_.top());
    if (nested_) return give(*nested_);
    if (!declared_.empty()) return give(declared_.top());
    if (!undeclared_.empty()) return give(undeclared_.front());
    return std::nullopt;
}

void frontier::expand(std::uint32_t document) {
    remove();
    if (seen_.size() <= document) seen_.resize(document + 1);
    if (seen_[document]) return;
    seen_[document] = true;
    path_.push_back({document, 0});
}

void frontier::remove() {
    switch (given_) {
        case kind::declared:
            declared_.pop();
            break;
        case kind::undeclared:
            undeclared_.pop();
            break;
        case kind::nested:
            nested_.reset();
            break;
    }
}

void frontier::scan() {
    while (!path_.empty() && !nested_ && !has_best()) {
        place& where = path_.back();
        if (where.position == (*documents_)[where.document].index->entries().size()) {
            path_.pop_back();
            continue;
        }
        const place looked_at = where;
        ++where.position;
        look_at(looked_at);
    }
}

void frontier::look_at(place where) {
    const oci::descriptor& entry = documents_->entry(where);
    const oci::platform* const declared = documents_->platform_of(where);
    const role is = role_of(entry, declared, *request_);
    if (is != role::index && (is != role::image || indexes_only_)) return;

    item found{where, kind::nested, {}, order_++};
    if (declared != nullptr && want_ != nullptr) {
        const auto rank = want_->preference.rank(*declared);
        if (!rank) return;
        found.rank = *rank;
    }
    if (is == role::index) {
        nested_ = found;
    } else if (declared != nullptr) {
        found.kind = kind::declared;
        declared_.push(found);
    } else {
        found.kind = kind::undeclared;
        undeclared_.push(found);
    }
}

}  // namespace refract::resolve
