// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace refract::lint {

enum class severity : std::uint8_t {
    error,    ///< a client takes the wrong thing or fails, or refract refuses to read it
    warning,  ///< works today, and will not when something else is done to it
    info,     ///< legal, and worth knowing
};

std::string_view name_of(severity how) noexcept;

/// What is wrong in one place.
struct finding {
    std::string_view id;  ///< stable: "artifact-before-image"
    lint::severity severity = severity::warning;
    std::string place;                      ///< "manifests[2]/manifests[0]"; empty: the image as a whole
    std::string digest;                     ///< of what is there; the root's for the image as a whole
    std::string message;                    ///< one line, safe to show: what, and what to do
    std::string platform;                   ///< that was asked for, where it matters which
    std::vector<std::string_view> clients;  ///< those that it matters to; none: all, or nobody yet
};

}  // namespace refract::lint
