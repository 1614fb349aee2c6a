// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstdint>

namespace refract::cli {

/// One line on standard error about what takes longer than a second; on a terminal only, and gone at its end.
class progress {
public:
    progress(std::uint64_t total, bool allowed);
    progress(const progress&) = delete;
    progress& operator=(const progress&) = delete;
    ~progress();

    void add(std::uint64_t bytes);

private:
    using clock = std::chrono::steady_clock;

    std::uint64_t total_;
    std::uint64_t done_ = 0;
    bool shows_;
    bool shown_ = false;
    clock::time_point next_;
};

}  // namespace refract::cli
