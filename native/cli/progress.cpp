// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "cli/style.h"

namespace refract::cli {

progress::progress(std::uint64_t total, bool allowed)
    : total_(total), shows_(allowed && is_terminal(STDERR_FILENO)), next_(clock::now() + std::chrono::seconds(1)) {}

progress::~progress() {
    if (shown_) fmt::print(stderr, "\r\x1b[K");
}

void progress::add(std::uint64_t bytes) {
    done_ += bytes;
    if (!shows_ || clock::now() < next_) return;
    next_ = clock::now() + std::chrono::milliseconds(200);
    shown_ = true;
    const auto percent = total_ == 0 ? 100 : done_ * 100 / total_;
    fmt::print(stderr, "\r\x1b[K{} of {} ({} %)", size_text(static_cast<std::int64_t>(done_)),
               size_text(static_cast<std::int64_t>(total_)), percent);
    std::fflush(stderr);
}

}  // namespace refract::cli
