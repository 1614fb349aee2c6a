// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/budget.h"

#include "base/limits.h"

namespace refract::registry {

status spend(oci::lookup_budget* budget) {
    if (budget == nullptr) return {};
    if (clock::now() >= budget->deadline) {
        return {status_code::unreachable, "it was not asked: the time for optional look-ups is over"};
    }
    if (budget->requests == 0) {
        return {status_code::limit_exceeded,
                "it was not asked: the budget of requests for optional look-ups is used up"};
    }
    --budget->requests;
    return {};
}

clock::time_point deadline_of(const oci::lookup_budget* budget) noexcept {
    return budget == nullptr ? clock::time_point::max() : budget->deadline;
}

void silent_hosts::note(const std::string& origin, const error& why, clock::time_point begun,
                        clock::time_point deadline) {
    const auto now = clock::now();
    if (why.code != status_code::unreachable ||
        (now >= deadline && now - begun < std::chrono::milliseconds(lookup_limits{}.silence_after)))
        return;
    hosts_.insert_or_assign(origin,
                            silence{why.message, now + std::chrono::milliseconds(lookup_limits{}.silence_remembered)});
}

status silent_hosts::check(const url& asked) {
    const auto found = hosts_.find(asked.origin());
    if (found == hosts_.end()) return {};
    if (found->second.until <= clock::now()) {
        hosts_.erase(found);
        return {};
    }
    return {status_code::unreachable,
            asked.authority() + " is not asked again, because it did not answer before (" + found->second.why + ')'};
}

}  // namespace refract::registry
