// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace refract::registry {

/// What a registry asks for (RFC 9110 section 11.6.1; distribution's token authentication).
struct challenge {
    enum class scheme { basic, bearer };

    challenge::scheme scheme = challenge::scheme::basic;
    std::string realm;  ///< of bearer: where tokens are had
    std::string service;
    std::string scope;
    std::string error;  ///< "insufficient_scope", "invalid_token", …
};

/// All challenges in one WWW-Authenticate header that refract can answer, in their order. Others, and what is not well
/// formed, are left out.
std::vector<challenge> parse_challenges(std::string_view header);

/// The best of several headers: bearer before basic.
std::optional<challenge> choose_challenge(const std::vector<std::string>& headers);

/// The target of a Link header with rel="next" (RFC 8288), verbatim; nothing if there is none.
std::optional<std::string> next_link(std::string_view header);

}  // namespace refract::registry
