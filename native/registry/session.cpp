// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/session.h"

#include <algorithm>

#include "base/printable.h"
#include "registry/request_state.h"

namespace refract::registry {

session::session(transport& transport, authorizer::find_credentials find)
    : transport_(transport),
      authorizer_(
          std::move(find),
          [this](const http_request& request, oci::lookup_budget* budget) { return exchange(request, budget); },
          transport.options().limits) {}

std::vector<transport::finished> session::wait(clock::time_point until) {
    if (!early_.empty()) return std::exchange(early_, {});
    return transport_.wait(until);
}

std::vector<result<delivery>> session::perform(std::span<const job> jobs, std::span<host> hosts) {
    std::deque<request_state> states;
    for (const job& one : jobs) states.emplace_back(one, hosts, authorizer_, silent_, limits());
    std::map<transport::ticket, request_state*> under_way;

    for (;;) {
        auto next_start = clock::time_point::max();
        auto next_end = clock::time_point::max();
        std::size_t unfinished = 0;
        for (request_state& one : states) {
            if (one.is_done()) continue;
            ++unfinished;
            if (one.is_under_way()) continue;
            if (one.deadline() > clock::now()) {
                next_end = std::min(next_end, one.deadline());
                if (one.is_waiting() || under_way.size() >= limits().at_once) continue;
                // The first request to a host shows what it asks for and speaks; the others wait for that.
                if (!under_way.empty() && !authorizer_.knows(one.base(), one.repository())) continue;
            }
            if (one.not_before() > clock::now()) {
                next_start = std::min(next_start, one.not_before());
                continue;
            }
            if (const http_request* const request = one.prepare()) under_way.emplace(transport_.start(*request), &one);
        }
        if (unfinished == 0) break;
        if (transport_.is_cancelled() && under_way.empty()) {
            for (request_state& one : states) one.cancel();
            continue;
        }
        // All that could be started was done before it left: there is nothing to wait for.
        if (under_way.empty() && next_start == clock::time_point::max()) continue;
        for (auto& finished : wait(std::min(next_start, next_end))) {
            const auto found = under_way.find(finished.ticket);
            request_state& one = *found->second;
            under_way.erase(found);
            one.step(std::move(finished.response));
        }
    }
    std::vector<result<delivery>> all;
    all.reserve(states.size());
    for (request_state& one : states) all.push_back(std::move(one).take());
    return all;
}

result<http_response> session::await(const http_request& request) {
    const transport::ticket ticket = transport_.start(request);
    std::optional<result<http_response>> came;
    while (!came) {
        for (auto& finished : transport_.wait(clock::time_point::max())) {
            if (finished.ticket == ticket) {
                came = std::move(finished.response);
            } else {
                early_.push_back(std::move(finished));
            }
        }
    }
    return std::move(*came);
}

result<http_response> session::exchange(const http_request& first, oci::lookup_budget* budget) {
    const auto& limits = transport_.options().limits;
    http_request request = first;
    unsigned redirects = 0;
    unsigned tries = 0;
    for (;;) {
        status may = budget == nullptr ? status{} : silent_.check(request.url);
        if (may.ok()) may = spend(budget);
        if (may.failed()) return may;
        const auto begun = clock::now();
        auto came = await(request);
        if (came.failed()) {
            silent_.note(request.url.origin(), came.why(), begun, request.deadline);
            return came;
        }
        const http_response& response = came.value();
        if (is_passing(response) && tries < limits.retries && budget == nullptr) {
            REFRACT_ASSIGN(auto pause, pause_before(tries++, response, limits));
            const auto not_before = clock::now() + pause;
            while (clock::now() < not_before && !transport_.is_cancelled()) {
                auto finished = transport_.wait(not_before);
                early_.insert(early_.end(), std::make_move_iterator(finished.begin()),
                              std::make_move_iterator(finished.end()));
            }
            continue;
        }
        if (response.ending != http_response::ending::answered) return error{status_code::unreachable, response.body};
        silent_.forget(request.url.origin());
        if (!is_redirect(response)) return came;
        REFRACT_ASSIGN(auto next, follow(request.url, response, ++redirects, limits));
        if (!request.form.empty()) return error{status_code::unreachable, "it redirects a POST, which is not followed"};
        if (next.origin() != request.url.origin()) request.headers.clear();
        request.url = next;
    }
}

}  // namespace refract::registry
