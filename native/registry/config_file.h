// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/result.h"

namespace refract::registry {

/// A configuration file of at most 4 MiB.
inline constexpr std::size_t most_config_bytes = 4u << 20;

/// The whole of a file, or nothing if it is not there. `denied` if it may not be read, `limit_exceeded` over
/// most_config_bytes; messages name the file.
result<std::optional<std::string>> read_config_file(const std::string& path);

}  // namespace refract::registry
