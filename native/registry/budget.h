// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "oci/repository.h"
#include "registry/http/transport.h"

namespace refract::registry {

/// Takes one request from the budget of an optional question; without a budget anything may be asked. `limit_exceeded`
/// if there is none left, `unreachable` after the deadline.
status spend(oci::lookup_budget* budget);

/// When the question must have been answered; never, for one without a budget.
clock::time_point deadline_of(const oci::lookup_budget* budget) noexcept;

/// Which hosts gave no answer: an optional question does not wait for them once more. Forgotten when they answer, and
/// after a while, because a client may live for long.
class silent_hosts {
public:
    /// Adds it if `why` is `unreachable`, and not only because the deadline came soon after the request had begun.
    void note(const std::string& origin, const error& why, clock::time_point begun, clock::time_point deadline);
    void forget(const std::string& origin) { hosts_.erase(origin); }
    /// `unreachable` if it is one of them.
    status check(const url& asked);

private:
    struct silence {
        std::string why;
        clock::time_point until;
    };

    std::map<std::string, silence> hosts_;
};

}  // namespace refract::registry
