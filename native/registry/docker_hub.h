// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string_view>

/// Docker Hub has several names: that in images' names, the host that serves it, and what `docker login` calls it.
namespace refract::registry::docker_hub {

inline constexpr std::string_view name = "docker.io";
inline constexpr std::string_view old_name = "index.docker.io";
inline constexpr std::string_view endpoint = "registry-1.docker.io";
inline constexpr std::string_view login = "https://index.docker.io/v1/";

}  // namespace refract::registry::docker_hub
