// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "base/limits.h"
#include "base/result.h"
#include "registry/auth/credentials.h"

namespace refract::registry {

/// Asks the program docker-credential-NAME, which is looked up in PATH, for the credentials of `server`
/// (docker-credential-helpers, "get"). Empty if it has none. Its standard error is left as ours is.
///
/// Errors: `invalid_argument` for a name that is none, `denied` if there is no such program or it fails,
/// `unreachable` if it does not answer in time, `limit_exceeded`, `malformed`. What it wrote is in no message: it may
/// be a secret.
result<credentials> ask_helper(const std::string& name, const std::string& server, const network_limits& limits);

}  // namespace refract::registry
