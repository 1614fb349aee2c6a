// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "registry/refusal.h"
#include "registry/session.h"

namespace refract::registry {

/// Whether the answer sends the client elsewhere.
bool is_redirect(const http_response& response);

/// Where it sends it: never from https to http, and not more often than limits allow.
result<url> follow(const url& from, const http_response& response, unsigned redirects, const network_limits& limits);

/// How long to wait before trying again: doubled each time, and as long as the server asks for.
result<std::chrono::milliseconds> pause_before(unsigned tries, const http_response& response,
                                               const network_limits& limits);

/// One job on its way: which host it is at, how often it was sent elsewhere, what it waits for.
class session::pursuit {
public:
    pursuit(const job& job, std::span<host> hosts, authorizer& authorizer, const network_limits& limits);

    bool is_done() const noexcept { return done_.has_value(); }
    bool is_under_way() const noexcept { return under_way_; }
    clock::time_point not_before() const noexcept { return not_before_; }
    /// The host that it is at.
    const url& base() const noexcept { return base_; }

    /// The request to make next; nullptr if it is done after all.
    const http_request* prepare();
    /// What the request came to.
    void step(result<http_response> came);
    void cancel();
    result<delivery> take() && { return std::move(*done_); }

private:
    host& at() const noexcept { return hosts_[number_]; }
    bool is_at_base() const { return current_.origin() == base_.origin(); }
    /// Goes to this host, or the next one that can do it; without one it is done.
    void go_to(std::size_t number);
    /// Back to what was asked of this host at first.
    void begin();
    /// This host cannot help.
    void give_up(error why);
    void deliver(http_response response);
    void retry(const http_response& response);
    void redirect(const http_response& response);
    void authenticate(const http_response& response);
    outcome take_bytes(const http_response& response, std::span<const std::byte> bytes);

    const job& job_;
    std::span<host> hosts_;
    authorizer& authorizer_;
    const network_limits& limits_;

    std::size_t number_ = 0;
    url base_;
    url current_;
    http_request request_;
    bool under_way_ = false;
    bool authorized_ = false;  ///< the request under way has credentials
    unsigned redirects_ = 0;
    unsigned tries_ = 0;
    unsigned challenges_ = 0;
    std::uint64_t delivered_ = 0;  ///< bytes that the sink has taken
    std::uint64_t position_ = 0;   ///< where the next byte of the answer under way stands in the whole
    bool placed_ = false;          ///< position_ is that of this answer
    clock::time_point not_before_{};
    std::string mirrors_;  ///< what hosts before this one said
    std::optional<result<delivery>> done_;
};

}  // namespace refract::registry
