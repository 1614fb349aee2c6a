// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/http/transport.h"

#include <signal.h>

#include <algorithm>

#include "base/printable.h"
#include "registry/http/exchange.h"

namespace refract::registry {
namespace {

/// Once in a process, and never undone: other users of libcurl may be there.
void initialise_curl() {
    static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (done != CURLE_OK) throw std::bad_alloc();
}

/// Writing to a connection that the server closed raises SIGPIPE, which would end a program that knows nothing of it.
class sigpipe_held {
public:
    sigpipe_held() {
        sigemptyset(&pipe_);
        sigaddset(&pipe_, SIGPIPE);
        sigset_t pending;
        sigpending(&pending);
        was_pending_ = sigismember(&pending, SIGPIPE) == 1;
        pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    sigpipe_held(const sigpipe_held&) = delete;
    sigpipe_held& operator=(const sigpipe_held&) = delete;
    ~sigpipe_held() {
        const timespec now{};
        if (!was_pending_) sigtimedwait(&pipe_, nullptr, &now);
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

private:
    sigset_t pipe_{};
    sigset_t before_{};
    bool was_pending_ = false;
};

std::chrono::microseconds reached(CURL* easy, CURLINFO what) {
    curl_off_t microseconds = 0;
    curl_easy_getinfo(easy, what, &microseconds);
    return std::chrono::microseconds(microseconds);
}

/// What happens to connections that stood; a host that does not exist will not exist a second later either.
bool is_broken(int code) noexcept {
    return code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR || code == CURLE_PARTIAL_FILE ||
           code == CURLE_GOT_NOTHING || code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM;
}

std::string seconds(std::uint32_t milliseconds) {
    const auto tenths = milliseconds / 100;
    return std::to_string(tenths / 10) + (tenths % 10 == 0 ? "" : '.' + std::to_string(tenths % 10)) + " s";
}

}  // namespace

struct transport::state {
    using multi_handle = std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)>;

    multi_handle multi{curl_multi_init(), &curl_multi_cleanup};
    named_hosts named;
    std::map<ticket, std::unique_ptr<exchange>> exchanges;
    std::vector<finished> done;
    ticket last = 0;
};

std::string http_response::header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
}

transport::transport(transport_options options) : options_(std::move(options)) {
    initialise_curl();
    state_ = std::make_unique<state>();
    if (!state_->multi) throw std::bad_alloc();
    CURLM* const multi = state_->multi.get();
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX));
    curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, static_cast<long>(options_.limits.connections));
}

transport::~transport() {
    const sigpipe_held held;
    for (const auto& [number, one] : state_->exchanges) curl_multi_remove_handle(state_->multi.get(), one->easy.get());
    state_.reset();  // says goodbye to servers
}

named_hosts& transport::named() noexcept { return state_->named; }

transport::ticket transport::start(const http_request& request) {
    auto next = std::make_unique<exchange>();
    if (!next->easy) throw std::bad_alloc();
    next->request = &request;
    next->options = &options_;
    next->named = &state_->named;
    next->prepare();
    const ticket number = ++state_->last;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): a number that libcurl keeps for us
    curl_easy_setopt(next->easy.get(), CURLOPT_PRIVATE, reinterpret_cast<void*>(number));
    if (curl_multi_add_handle(state_->multi.get(), next->easy.get()) != CURLM_OK) throw std::bad_alloc();
    state_->exchanges.emplace(number, std::move(next));
    return number;
}

std::vector<transport::finished> transport::wait(clock::time_point until) {
    static constexpr auto tick = std::chrono::milliseconds(200);
    const sigpipe_held held;
    CURLM* const multi = state_->multi.get();
    for (;;) {
        int running = 0;
        curl_multi_perform(multi, &running);
        int queued = 0;
        while (const CURLMsg* const message = curl_multi_info_read(multi, &queued)) {
            if (message->msg != CURLMSG_DONE) continue;
            void* number = nullptr;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &number);
            finish(reinterpret_cast<ticket>(number), message->data.result);
        }
        check_times();
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now());
        const bool cancelled = is_cancelled();
        if (!state_->done.empty() || left.count() <= 0 || cancelled) return std::exchange(state_->done, {});
        curl_multi_poll(multi, nullptr, 0, static_cast<int>(std::min(tick, left).count()), nullptr);
    }
}

void transport::finish(ticket which, int code) {
    const auto found = state_->exchanges.find(which);
    const std::unique_ptr<exchange> one = std::move(found->second);
    state_->exchanges.erase(found);

    result<http_response> came = http_response{};
    if (one->failure) {
        came = std::move(*one->failure);
    } else if (!one->cut.empty()) {
        http_response part;
        part.ending = http_response::ending::broken;
        part.encoded = true;
        part.body = one->cut;
        came = std::move(part);
    } else if (code == CURLE_BAD_CONTENT_ENCODING && one->is_success()) {
        came =
            error{status_code::malformed, "the answer is not encoded with " + quote(one->coding, 40) + " as it says"};
    } else if (code == CURLE_OK || one->enough || code == CURLE_BAD_CONTENT_ENCODING) {
        curl_off_t pause = 0;
        curl_easy_getinfo(one->easy.get(), CURLINFO_RETRY_AFTER, &pause);
        one->response.retry_after = std::chrono::seconds(pause);
        came = std::move(one->response);
    } else if (code == CURLE_OPERATION_TIMEDOUT) {
        const bool asked = reached(one->easy.get(), CURLINFO_PRETRANSFER_TIME_T) > std::chrono::microseconds::zero();
        came = error{status_code::unreachable,
                     one->answering ? "the answer stalled: fewer than " + std::to_string(options_.limits.slowest) +
                                          " bytes a second for " + seconds(options_.limits.stall_timeout)
                     : asked ? "no answer within " + seconds(options_.limits.first_byte_timeout)
                             : "no connection within " + seconds(options_.limits.dial_timeout)};
    } else {
        const std::string_view says = one->curl_says.data();
        const std::string why = printable(says.empty() ? curl_easy_strerror(static_cast<CURLcode>(code)) : says, 300);
        http_response none;
        none.body = why;
        none.encoded = one->codings > 0;
        none.ending = code == CURLE_SSL_CONNECT_ERROR ? http_response::ending::not_tls : http_response::ending::broken;
        if (none.ending == http_response::ending::not_tls || is_broken(code)) {
            came = std::move(none);
        } else {
            came = error{status_code::unreachable, why};
        }
    }
    if (options_.trace) {
        options_.trace({one->request, came.ok() ? came.value().status : 0,
                        came.ok() ? std::string_view() : std::string_view(came.why().message),
                        std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - one->begun)});
    }
    curl_multi_remove_handle(state_->multi.get(), one->easy.get());
    state_->done.push_back({which, std::move(came)});
}

void transport::check_times() {
    const auto& limits = options_.limits;
    const bool cancelled = is_cancelled();
    std::vector<ticket> late;
    for (const auto& [number, one] : state_->exchanges) {
        const auto since = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - one->begun);
        const auto sent = reached(one->easy.get(), CURLINFO_PRETRANSFER_TIME_T);
        const auto connected = reached(one->easy.get(), CURLINFO_CONNECT_TIME_T);
        const auto secured = reached(one->easy.get(), CURLINFO_APPCONNECT_TIME_T);
        const bool is_tls = one->request->url.scheme == "https";
        const auto none = std::chrono::microseconds::zero();
        if (cancelled) {
            one->refuse(status_code::cancelled, "cancelled");
        } else if (clock::now() >= one->request->deadline) {
            one->refuse(status_code::unreachable, "no whole answer before the time for optional look-ups was over");
        } else if (one->is_hollow()) {
            one->refuse(status_code::limit_exceeded,
                        "what is encoded with " + quote(one->coding, 40) + " is longer than what it holds");
        } else if (!one->answering && sent > none &&
                   since - sent > std::chrono::milliseconds(limits.first_byte_timeout)) {
            one->refuse(status_code::unreachable, "no answer within " + seconds(limits.first_byte_timeout));
        } else if (is_tls && sent == none && secured == none && connected > none &&
                   since - connected > std::chrono::milliseconds(limits.tls_timeout)) {
            one->refuse(status_code::unreachable, "no TLS within " + seconds(limits.tls_timeout));
        } else {
            continue;
        }
        late.push_back(number);
    }
    for (const ticket number : late) finish(number, CURLE_ABORTED_BY_CALLBACK);
}

}  // namespace refract::registry
