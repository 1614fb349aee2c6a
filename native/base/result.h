// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/status.h"

namespace refract {

/// What went wrong, for the person who reads it: one line that says what, where and why.
struct error {
    status_code code = status_code::internal;
    std::string message;
};

/// Success, or an error. One pointer wide, because the hot path returns one for every entry of an index.
class [[nodiscard]] status {
public:
    status() = default;
    status(error failure) : failure_(std::make_unique<error>(std::move(failure))) {}
    status(status_code code, std::string message) : status(error{code, std::move(message)}) {}

    bool ok() const noexcept { return failure_ == nullptr; }
    bool failed() const noexcept { return failure_ != nullptr; }
    const error& why() const noexcept { return *failure_; }
    error take() && { return std::move(*failure_); }

    /// The same failure with its place put in front: "manifests" and "[3]: …" become "manifests[3]: …".
    status in(std::string_view place) && {
        if (failure_) {
            if (!failure_->message.starts_with('[')) failure_->message.insert(0, ": ");
            failure_->message.insert(0, place);
        }
        return std::move(*this);
    }

private:
    std::unique_ptr<error> failure_;
};

/// A value, or an error that must be looked at.
template <class T>
class [[nodiscard]] result {
public:
    result(T value) : held_(std::move(value)) {}
    result(error failure) : held_(std::move(failure)) {}
    result(status failure) : held_(std::move(failure).take()) {}

    bool ok() const noexcept { return held_.index() == 0; }
    bool failed() const noexcept { return held_.index() != 0; }
    T& value() & noexcept { return *std::get_if<0>(&held_); }
    const T& value() const& noexcept { return *std::get_if<0>(&held_); }
    T&& value() && noexcept { return std::move(*std::get_if<0>(&held_)); }
    const error& why() const noexcept { return *std::get_if<1>(&held_); }
    error take() && { return std::move(*std::get_if<1>(&held_)); }

private:
    std::variant<T, error> held_;
};

}  // namespace refract

#define REFRACT_JOINED_(left, right) left##right
#define REFRACT_JOINED(left, right) REFRACT_JOINED_(left, right)

/// REFRACT_TRY(call): goes on if the status is a success, else returns it.
#define REFRACT_TRY(...) REFRACT_TRY_(REFRACT_JOINED(tried_, __COUNTER__), __VA_ARGS__)
#define REFRACT_TRY_(tried, ...) \
    if (::refract::status tried = __VA_ARGS__; tried.failed()) return tried

/// REFRACT_ASSIGN(auto name, call): declares the value of a result, or assigns it; returns its error if there is none.
#define REFRACT_ASSIGN(target, ...) REFRACT_ASSIGN_(REFRACT_JOINED(held_, __COUNTER__), target, __VA_ARGS__)
#define REFRACT_ASSIGN_(held, target, ...)            \
    auto held = __VA_ARGS__;                          \
    if (held.failed()) return std::move(held).take(); \
    target = std::move(held).value()
