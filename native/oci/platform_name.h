// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oci/platform.h"

namespace refract::oci {

/// A platform as a person writes it. It owns what a `platform` only views.
struct platform_name {
    std::string os;
    std::string architecture;
    std::string variant;
    std::string os_version;
    std::vector<std::string> os_features;

    /// Views into this.
    platform view() const;
};

/// Reads "linux/arm64/v8", "windows(10.0.17763+win32k)/amd64", "amd64" (of linux) or "linux" (of the architecture that
/// this is built for): containerd/platforms (the version in go.mod), Parse, held against it by tests/parity.
/// `invalid_argument` says what is wrong with it; so are more features than `most_os_features`.
result<platform_name> parse_platform(std::string_view text);

}  // namespace refract::oci
