// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace refract::resolve {

/// Sentences for people, each once; after the first few it only counts. They are fit to be shown, whoever had a word in
/// them.
class notice_list {
public:
    void add(std::string_view said);
    /// The same, before all others: what ended everything is never among those that are only counted.
    void add_first(std::string_view said);
    bool empty() const noexcept { return kept_.empty(); }
    const std::string& front() const noexcept { return kept_.front(); }
    /// All, and at the end how many are not shown.
    std::vector<std::string> all() const;

private:
    std::vector<std::string> kept_;
    std::size_t more_ = 0;
};

}  // namespace refract::resolve
