// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "base/result.h"
#include "registry/transport.h"

namespace refract::registry {

/// What an answer that is no success means, with what the registry says about it (distribution-spec, "Error Codes").
error refusal_of(const http_response& response, const url& asked, bool had_credentials);

/// Whether asking again later may help.
bool is_passing(const http_response& response) noexcept;

}  // namespace refract::registry
