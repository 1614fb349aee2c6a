// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

/// What platforms are called, and what else they may be called: containerd/platforms, database.go. One table for those
/// that documents declare and those that people write.
namespace refract::oci {

/// A value in lower case. Almost all are that already, so nothing is copied for them.
class lowered {
public:
    explicit lowered(std::string_view text);
    lowered(const lowered&) = delete;
    lowered& operator=(const lowered&) = delete;

    std::string_view view() const noexcept { return view_; }

private:
    std::string copy_;
    std::string_view view_;
};

struct normal_architecture {
    std::string_view architecture;
    std::string_view variant;
};

/// normalizeOS, of a name in lower case; none is linux.
std::string_view normal_os(std::string_view lower);
/// normalizeArch; both in lower case.
normal_architecture normalise(std::string_view architecture, std::string_view variant);

/// isKnownOS and isKnownArch, of names in their normal form.
bool is_known_os(std::string_view name);
bool is_known_architecture(std::string_view name);

}  // namespace refract::oci
