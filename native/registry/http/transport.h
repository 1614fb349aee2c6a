// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "registry/http/address.h"
#include "registry/http/url.h"

namespace refract::registry {

using clock = std::chrono::steady_clock;

/// How a host is to be trusted, and how it knows us.
struct tls_settings {
    std::vector<std::string> ca_files;                                     ///< besides those of the system
    std::vector<std::pair<std::string, std::string>> client_certificates;  ///< certificate and key; the first is used
    bool skip_verify = false;
};

struct http_response {
    enum class ending {
        answered,
        not_tls,  ///< there was no answer: the server does not speak TLS, or not one that we do
        broken,   ///< the connection broke before the answer was whole; asking again may help
    };

    http_response::ending ending = ending::answered;
    int status = 0;
    std::multimap<std::string, std::string> headers;  ///< names in lower case
    std::string body;                                 ///< of an error no more than limits allow; else what was wrong
    std::chrono::seconds retry_after{0};              ///< as the server asks for it
    bool encoded = false;                             ///< the body came in an encoding, and was decoded

    std::string header(const std::string& name) const;
};

/// One exchange with a server, without redirects, retries or authentication.
struct http_request {
    registry::url url;
    bool head = false;
    std::string form;                  ///< not empty: a POST of it
    std::vector<std::string> headers;  ///< whole lines
    std::uint64_t max_bytes = 0;       ///< of the body of an answer that is no error
    std::uint64_t* left = nullptr;     ///< of what this one and others may have together, where there is no sink
    /// Where the body of a 200 or 206 goes; without it, into the answer, which is given as far as it has come.
    std::function<status(const http_response&, std::span<const std::byte>)> sink;
    tls_settings tls;
    std::uint32_t dial_timeout = 0;  ///< milliseconds; 0: the limit's
    /// When it is given up, however far it has come.
    clock::time_point deadline = clock::time_point::max();
};

/// What debug logs may say of each exchange; never a secret.
struct http_event {
    const http_request* request;
    int status;  ///< 0 where there was none
    std::string_view failure;
    std::chrono::milliseconds took;
};

struct transport_options {
    network_limits limits;
    std::string proxy;     ///< empty: none. Nothing is taken from the environment
    std::string no_proxy;  ///< hosts that are asked without it
    std::string ca_file;   ///< instead of the system's certificates; empty: those
    std::string user_agent;
    const std::atomic<bool>* cancelled = nullptr;  ///< looked at four times a second
    std::function<void(const http_event&)> trace;
};

/// Requests on libcurl, on the calling thread only, several at a time over as few connections as can be (HTTP/2 where
/// it is offered). Bodies, headers and times are bounded; what no operator named may not lead into private networks.
class transport {
public:
    using ticket = std::uint64_t;
    struct finished {
        transport::ticket ticket;
        result<http_response> response;
    };

    explicit transport(transport_options options);
    ~transport();
    transport(const transport&) = delete;
    transport& operator=(const transport&) = delete;

    /// `request` must stay until it has finished.
    ticket start(const http_request& request);
    /// Goes on until something has finished, or until then. After a cancellation everything finishes.
    std::vector<finished> wait(clock::time_point until);

    named_hosts& named() noexcept;
    bool is_cancelled() const noexcept { return options_.cancelled != nullptr && options_.cancelled->load(); }
    const transport_options& options() const noexcept { return options_; }

private:
    struct exchange;
    struct state;

    void finish(ticket which, int code);
    void check_times();

    transport_options options_;
    std::unique_ptr<state> state_;
};

}  // namespace refract::registry
