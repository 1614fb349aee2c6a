// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "base/status.h"

#include <array>

namespace refract {

std::string_view status_text(status_code code) noexcept {
    static constexpr std::array<std::string_view, 17> texts{
        "ok",        "need",           "invalid argument", "out of memory",   "internal error", "malformed",
        "ambiguous", "limit exceeded", "size mismatch",    "digest mismatch", "type mismatch",  "no match",
        "missing",   "unsupported",    "denied",           "unreachable",     "cancelled",
    };
    const auto number = static_cast<std::size_t>(code);
    return number < texts.size() ? texts[number] : "unknown status";
}

}  // namespace refract
