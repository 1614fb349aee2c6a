// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <new>
#include <span>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "refract.h"

/// What every export shares: the one place where exceptions end, and where errors become the caller's struct.
namespace refract::abi {

/// Fills `into` (may be NULL): one line, cut at REFRACT_ERROR_MESSAGE_SIZE.
refract_status fail(refract_error* into, const error& why) noexcept;

/// Runs `body`, which gives a result<refract_status> or status, and turns what it throws into a status.
template <class Body>
refract_status guarded(refract_error* into, Body&& body) noexcept {
    try {
        auto done = std::forward<Body>(body)();
        if (done.failed()) return fail(into, done.why());
        if constexpr (requires { done.value(); }) {
            return done.value();
        } else {
            return REFRACT_OK;
        }
    } catch (const std::bad_alloc&) {
        return fail(into, {status_code::out_of_memory, "out of memory"});
    } catch (const std::exception& thrown) {
        return fail(into, {status_code::internal, thrown.what()});
    } catch (...) {
        return fail(into, {status_code::internal, "unknown exception"});
    }
}

inline refract_string text(std::string_view view) noexcept { return {view.data(), view.size()}; }

inline std::string_view view(const char* data, std::size_t size) noexcept {
    return data == nullptr ? std::string_view{} : std::string_view{data, size};
}
inline std::string_view view(refract_string string) noexcept { return view(string.data, string.size); }

inline std::span<const std::byte> bytes(const void* data, std::size_t size) noexcept {
    return data == nullptr ? std::span<const std::byte>{} : std::span{static_cast<const std::byte*>(data), size};
}

inline status missing_argument(std::string_view name) {
    return {status_code::invalid_argument, std::string(name) + " must not be NULL"};
}

}  // namespace refract::abi
