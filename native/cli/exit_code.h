// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "base/status.h"

namespace refract::cli {

/// What the program exits with; the numbers are documented in `refract --help`.
enum exit_code : int { success = 0, failure = 1, usage = 2, not_found = 3, interrupted = 130 };

constexpr int exit_code_of(status_code code) noexcept {
    switch (code) {
        case status_code::missing:
        case status_code::no_match:
            return not_found;
        case status_code::invalid_argument:
            return usage;
        case status_code::cancelled:
            return interrupted;
        default:
            return failure;
    }
}

}  // namespace refract::cli
