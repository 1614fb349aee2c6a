// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "abi/guard.h"

#include <array>
#include <cstring>
#include <string_view>

#include "base/printable.h"

namespace refract::abi {

refract_status fail(refract_error* into, const error& why) noexcept {
    const auto code = static_cast<refract_status>(why.code);
    if (into == nullptr) return code;
    into->status = code;
    constexpr std::size_t most = sizeof into->message - 1;
    constexpr std::string_view mark = "…";
    std::size_t end = 0;
    std::size_t before_mark = 0;
    for (std::string_view left = why.message; !left.empty();) {
        std::array<char, longest_shown> shown;
        std::size_t size = 0;
        left.remove_prefix(next_shown(left, shown, size));
        if (end + size > most) {
            std::memcpy(into->message + before_mark, mark.data(), mark.size());
            end = before_mark + mark.size();
            break;
        }
        std::memcpy(into->message + end, shown.data(), size);
        end += size;
        if (end + mark.size() <= most) before_mark = end;
    }
    into->message[end] = '\0';
    return code;
}

}  // namespace refract::abi
