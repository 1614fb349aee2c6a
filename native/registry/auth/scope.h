// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace refract::registry {

/// What a token for reading a repository is asked for (distribution's "Docker Registry Token Scope").
std::string scope_of(const std::string& repository);

/// The scopes of a challenge that a reader asks for: none that is longer than limits allow, or writes. Of what it may
/// do with a repository, pushing and deleting are left out; "*" becomes "pull".
std::vector<std::string> read_scopes(std::string_view challenge);

/// Adds those that are not there yet; the oldest go where there are too many.
void add_scopes(std::vector<std::string>& to, std::vector<std::string> more);

}  // namespace refract::registry
