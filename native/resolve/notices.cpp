// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/notices.h"

#include <algorithm>

namespace refract::resolve {
namespace {

/// So many notices are kept as they are.
constexpr std::size_t most_notices = 20;

}  // namespace

void notice_list::add(std::string text) {
    if (std::find(kept_.begin(), kept_.end(), text) != kept_.end()) return;
    if (kept_.size() < most_notices) {
        kept_.push_back(std::move(text));
    } else {
        ++more_;
    }
}

void notice_list::add_first(std::string text) {
    kept_.insert(kept_.begin(), std::move(text));
    if (kept_.size() <= most_notices) return;
    kept_.pop_back();
    ++more_;
}

std::vector<std::string> notice_list::all() const {
    auto all = kept_;
    if (more_ > 0) all.push_back("and " + std::to_string(more_) + " more of the kind");
    return all;
}

}  // namespace refract::resolve
