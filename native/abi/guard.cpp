// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "abi/guard.h"

#include <cstring>

#include "base/printable.h"

namespace refract::abi {

refract_status fail(refract_error* into, const error& why) noexcept {
    const auto code = static_cast<refract_status>(why.code);
    if (into == nullptr) return code;
    into->status = code;
    std::string_view shown = why.message;
    std::string cut;
    try {
        if (shown.size() >= sizeof into->message) {
            cut = shortened(why.message, sizeof into->message - 1);
            shown = cut;
        }
    } catch (const std::bad_alloc&) {
        shown = "out of memory";
    }
    std::memcpy(into->message, shown.data(), shown.size());
    into->message[shown.size()] = '\0';
    return code;
}

}  // namespace refract::abi
