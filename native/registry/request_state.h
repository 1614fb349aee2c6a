// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "registry/budget.h"
#include "registry/response_error.h"
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
class session::request_state {
public:
    request_state(const job& job, std::span<host> hosts, authorizer& authorizer, silent_hosts& silent,
                  const network_limits& limits);
    ~request_state();
    request_state(const request_state&) = delete;
    request_state& operator=(const request_state&) = delete;

    bool is_done() const noexcept { return done_.has_value(); }
    bool is_under_way() const noexcept { return under_way_; }
    clock::time_point not_before() const noexcept { return not_before_; }
    clock::time_point deadline() const noexcept { return deadline_of(job_.budget); }
    /// Whether another one asks its host for a challenge, for which it waits.
    bool is_waiting() const { return waiting_ && authorizer_.is_probing(base_, job_.repository); }
    /// The host that it is at.
    const url& base() const noexcept { return base_; }
    const std::string& repository() const noexcept { return job_.repository; }

    /// The request to make next; nullptr if it is done after all.
    const http_request* prepare();
    /// The response, or why there is none.
    void step(result<http_response> came);
    void cancel();
    result<delivery> take() && { return std::move(*done_); }

private:
    host& at() const noexcept { return hosts_[number_]; }
    bool is_at_base() const { return current_.origin() == base_.origin(); }
    asker who() const { return {current_, job_.repository, is_at_base(), job_.budget}; }
    /// The first host from there that may be asked; their number if there is none.
    std::size_t next_host(std::size_t number) const;
    /// Goes to this host, or the next one that can do it; without one it is done.
    void go_to(std::size_t number);
    /// Back to what was asked of this host at first.
    void begin();
    /// This host cannot help.
    void give_up(error why);
    /// No host can.
    void end(error why);
    void deliver(http_response response);
    void retry(const http_response& response);
    void redirect(const http_response& response);
    void authenticate(const http_response& response);
    void refuse(const http_response& response);
    /// Asks this host's /v2/ what it wants to know of who asks; `why` is what it is about.
    void begin_probe(error why);
    void take_probe(const result<http_response>& came);
    void end_probe(bool made);
    /// After another one's probe.
    void resume();
    status add_authorization();
    status take_bytes(const http_response& response, std::span<const std::byte> bytes);

    const job& job_;
    std::span<host> hosts_;
    authorizer& authorizer_;
    silent_hosts& silent_;
    const network_limits& limits_;

    std::size_t number_ = 0;
    url base_;
    url current_;
    http_request request_;
    clock::time_point begun_{};
    bool under_way_ = false;
    std::optional<std::string> sent_;  ///< the Authorization line of the request under way
    bool challenged_ = false;          ///< where a redirect led, it asked for one
    bool probing_ = false;             ///< the request under way asks for a challenge
    bool waiting_ = false;
    std::optional<error> refusal_;  ///< while probing or waiting: what it is about
    unsigned redirects_ = 0;
    unsigned tries_ = 0;
    unsigned challenges_ = 0;
    bool whole_ = false;           ///< what was sent in parts was encoded, so parts of it are of no use
    std::uint64_t delivered_ = 0;  ///< bytes that the sink has taken
    std::uint64_t position_ = 0;   ///< offset of the next byte of the current response in the whole
    bool placed_ = false;          ///< position_ is that of this answer
    clock::time_point not_before_{};
    std::string mirrors_;  ///< what hosts before this one said
    std::optional<result<delivery>> done_;
};

}  // namespace refract::registry
