// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <curl/curl.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "registry/http/transport.h"

namespace refract::registry {

using easy_handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using header_list = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

/// A request under way. libcurl holds its address.
struct transport::exchange {
    const http_request* request = nullptr;
    const transport_options* options = nullptr;
    const named_hosts* named = nullptr;
    easy_handle easy{curl_easy_init(), &curl_easy_cleanup};
    header_list headers{nullptr, &curl_slist_free_all};
    http_response response;
    std::uint64_t body_bytes = 0;
    std::uint64_t header_bytes = 0;
    clock::time_point begun = clock::now();
    bool by_proxy = false;
    bool answering = false;        ///< the answer has begun
    bool enough = false;           ///< of an error's body
    unsigned codings = 0;          ///< that the body is in, one in another, though none was asked for
    std::string coding;            ///< the last of them
    std::optional<error> failure;  ///< why it was ended by us
    std::string cut;               ///< why it was ended by us, where asking again helps
    std::array<char, CURL_ERROR_SIZE> curl_says{};

    void prepare();
    void prepare_tls();
    void refuse(status_code code, std::string why) { failure = error{code, std::move(why)}; }
    /// Counts what a Content-Encoding or Transfer-Encoding names; libcurl counts them through interim answers, too.
    void note_codings(std::string_view value);
    /// Whether the body can be read, when all headers have come. If not: a success is refused, an error stays one
    /// without a body.
    bool is_readable();
    /// An encoded body that gives next to nothing, however much of it comes. The body's own limit does not see that.
    bool is_hollow() const;
    bool is_success() const noexcept { return response.status == 200 || response.status == 206; }

    static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self);
    static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self);
    static curl_socket_t on_socket(void* self, curlsocktype, curl_sockaddr* address);
    static CURLcode on_tls(CURL*, void* context, void* self);
};

}  // namespace refract::registry
