// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "registry/http/transport.h"

namespace refract::registry {

/// What became of the credentials for the host that refuses.
enum class login {
    unknown,        ///< not to be told
    none,           ///< there are none
    used,           ///< it was sent them
    not_asked_for,  ///< there are some, but it never said that it wants them
    withheld,       ///< a redirect led to it without TLS, where none are sent
};

/// What an answer that is no success means, with what the registry says about it (distribution-spec, "Error Codes").
error refusal_of(const http_response& response, const url& asked, login how);

/// The registry's own words, of the body of an error: "MANIFEST_UNKNOWN: manifest unknown"; empty if it has none.
std::string words_of(std::string_view body);

/// Whether asking again later may help.
bool is_passing(const http_response& response) noexcept;

}  // namespace refract::registry
