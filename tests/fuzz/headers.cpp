// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// What registries send in headers, and the URLs in there: WWW-Authenticate, Link, Location. What is taken from them
// must come from them, and a URL that is taken must mean the same when it is read again.
#include <string_view>

#include "registry/auth/challenge.h"
#include "registry/http/url.h"

using namespace refract;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    for (const auto& one : registry::parse_challenges(text)) {
        if (one.realm.size() > size || one.service.size() > size || one.scope.size() > size) __builtin_trap();
        if (one.scheme == registry::challenge::scheme::bearer && one.realm.empty()) __builtin_trap();
    }
    if (const auto next = registry::next_link(text); next && next->size() > size) __builtin_trap();
    const auto url = registry::parse_url(text);
    if (url.failed()) return 0;
    const auto again = registry::parse_url(url.value().text());
    if (again.failed() || again.value().origin() != url.value().origin()) __builtin_trap();
    return 0;
}
