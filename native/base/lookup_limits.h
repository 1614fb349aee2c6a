// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

namespace refract {

/// Limits of what a registry's answers may bring the client to do; part of the table in limits.h. Times are
/// milliseconds.
struct lookup_limits {
    std::uint32_t silence_after = 1'000;          ///< who gave no answer for so long by a deadline, gives none
    std::uint32_t silence_remembered = 300'000;   ///< of a host that did not answer, for optional questions
    std::uint32_t scopes = 8;                     ///< that challenges may add to the own one of a repository
    std::uint32_t scope_bytes = 512;              ///< of each of them
    std::uint32_t encoding_overhead = 64u << 10;  ///< bytes by which an encoded answer may be longer than its content
};

}  // namespace refract
