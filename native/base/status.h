// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string_view>

namespace refract {

/// The result of a call; the numbers are those of refract_status in refract.h.
enum class status_code : int {
    ok = 0,
    need = 1,
    invalid_argument = 2,
    out_of_memory = 3,
    internal = 4,
    malformed = 5,
    ambiguous = 6,
    limit_exceeded = 7,
    size_mismatch = 8,
    digest_mismatch = 9,
    type_mismatch = 10,
    no_match = 11,
    missing = 12,
    unsupported = 13,
    denied = 14,
    unreachable = 15,
    cancelled = 16,
};

/// The one message table: a short name for each status.
std::string_view status_text(status_code code) noexcept;

}  // namespace refract
