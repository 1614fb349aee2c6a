// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "registry/auth/authorizer.h"
#include "registry/budget.h"
#include "registry/hosts/hosts.h"
#include "registry/http/transport.h"

namespace refract::registry {

/// One thing to get from the hosts of a registry: the first that has it.
struct job {
    std::string target;    ///< below the host's path: "/library/alpine/manifests/3.20"
    std::string registry;  ///< the host in the image's name, which mirrors are told
    std::string repository;
    std::string accept;
    bool head = false;
    std::uint64_t max_bytes = 0;
    std::uint64_t* left = nullptr;  ///< of what may be held of all answers; taken from it as they come
    /// Where the body goes: each byte once and in order, also where a connection broke between two of them.
    std::function<status(std::span<const std::byte>)> sink;
    bool registry::host::*capability = &registry::host::pull;
    /// Set: it is optional, is tried once on each host, and takes its requests from there.
    oci::lookup_budget* budget = nullptr;
    std::optional<std::size_t> served;  ///< which host served the image; if it is optional, its 404 is the answer
    std::optional<std::size_t> only;    ///< which host alone may be asked: the one that gave the page before
};

/// What came, and from where.
struct delivery {
    http_response response;
    url from;              ///< the host's own URL, before redirects
    std::size_t host = 0;  ///< which one it was
};

/// Carries jobs through redirects, authentication, retries and mirrors, many at a time.
class session {
public:
    session(transport& transport, authorizer::find_credentials find);

    /// In the order of the jobs. Any status but 200 has become an error: `missing`, `denied`, `unreachable`.
    std::vector<result<delivery>> perform(std::span<const job> jobs, std::span<host> hosts);

    const network_limits& limits() const noexcept { return transport_.options().limits; }

private:
    class request_state;

    /// For token servers: redirects and retries, without authentication of ours.
    result<http_response> exchange(const http_request& request, oci::lookup_budget* budget);
    /// The result of one request. Others may finish meanwhile and are handled afterwards.
    result<http_response> await(const http_request& request);
    std::vector<transport::finished> wait(clock::time_point until);

    transport& transport_;
    authorizer authorizer_;
    silent_hosts silent_;
    std::vector<transport::finished> early_;  ///< finished while a token was waited for
};

}  // namespace refract::registry
