// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/notices.h"

#include <algorithm>

#include "base/printable.h"

namespace refract::resolve {
namespace {

/// So many notices are kept as they are.
constexpr std::size_t most_notices = 20;
/// Of what is quoted in a notice, each part is cut where it is quoted.
constexpr std::size_t longest_notice = 4096;

}  // namespace

void notice_list::add(std::string_view said) {
    auto text = printable(said, longest_notice);
    if (std::find(kept_.begin(), kept_.end(), text) != kept_.end()) return;
    if (kept_.size() < most_notices) {
        kept_.push_back(std::move(text));
    } else {
        ++more_;
    }
}

void notice_list::add_first(std::string_view said) {
    kept_.insert(kept_.begin(), printable(said, longest_notice));
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
