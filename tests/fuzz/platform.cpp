// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// A platform from lines of any bytes: os, architecture, variant, os.version, features. A strict order must stay one.
#include <algorithm>

#include "oci/platform.h"

using namespace refract;

namespace {

oci::platform platform_from(std::string_view& text) {
    oci::platform platform;
    const auto line = [&] {
        const auto end = std::min(text.find('\n'), text.size());
        const auto one = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        return one;
    };
    for (auto* field : {&platform.os, &platform.architecture, &platform.variant, &platform.os_version}) *field = line();
    for (auto feature = line(); !feature.empty(); feature = line()) platform.os_features.push_back(feature);
    return platform;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto wanted = platform_from(text);
    const auto a = platform_from(text);
    const auto b = platform_from(text);
    for (const auto& preference :
         {oci::platform_preference::exactly(wanted), oci::platform_preference::compatible(wanted)}) {
        if (preference.less(a, b) && preference.less(b, a)) __builtin_trap();
        if (preference.less(a, a)) __builtin_trap();
        if (const auto rank = preference.rank(a); rank && preference.is_best(*rank)) {
            if (preference.less(b, a)) __builtin_trap();
        }
    }
    (void)oci::describe(a);
    return 0;
}
