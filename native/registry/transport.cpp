// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/transport.h"

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/printable.h"
#include "registry/proxy.h"

namespace refract::registry {
namespace {

using easy_handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using header_list = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

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
    std::optional<error> failure;  ///< why it was ended by us
    std::array<char, CURL_ERROR_SIZE> curl_says{};

    void prepare();
    void prepare_tls();
    void refuse(status code, std::string why) { failure = error{code, std::move(why)}; }
    bool is_success() const noexcept { return response.status == 200 || response.status == 206; }

    static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self);
    static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self);
    static curl_socket_t on_socket(void* self, curlsocktype, curl_sockaddr* address);
    static CURLcode on_tls(CURL*, void* context, void* self);
};

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

std::size_t transport::exchange::on_header(char* data, std::size_t, std::size_t size, void* self) {
    auto& me = *static_cast<exchange*>(self);
    me.answering = true;
    me.header_bytes += size;
    if (me.header_bytes > me.options->limits.header_bytes) {
        me.refuse(status::limit_exceeded, "the headers take more than the limit of " +
                                              std::to_string(me.options->limits.header_bytes) + " bytes");
        return 0;
    }
    std::string_view line(data, size);
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n' || line.back() == ' ')) line.remove_suffix(1);
    if (line.starts_with("HTTP/")) {
        me.response.headers.clear();  // an interim answer came before
        const auto number = line.substr(std::min(line.find(' ') + 1, line.size()), 3);
        std::from_chars(number.data(), number.data() + number.size(), me.response.status);
        return size;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return size;
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    auto value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    me.response.headers.emplace(std::move(name), value);
    return size;
}

std::size_t transport::exchange::on_body(char* data, std::size_t, std::size_t size, void* self) {
    auto& me = *static_cast<exchange*>(self);
    me.body_bytes += size;
    if (!me.is_success()) {
        const auto most = me.options->limits.error_bytes;
        me.response.body.append(data, std::min<std::size_t>(size, most - me.response.body.size()));
        me.enough = me.body_bytes > most;
        return me.enough ? 0 : size;
    }
    if (me.body_bytes > me.request->max_bytes) {
        me.refuse(status::limit_exceeded, "the answer is longer than " + std::to_string(me.request->max_bytes) +
                                              " bytes, which is all it may have");
        return 0;
    }
    if (!me.request->sink) {
        if (std::uint64_t* const left = me.request->left; left != nullptr) {
            if (size > *left) {
                me.refuse(status::limit_exceeded, "this answer and others take more than the limit of " +
                                                      std::to_string(me.options->limits.answers_bytes) +
                                                      " bytes together");
                return 0;
            }
            *left -= size;
        }
        me.response.body.append(data, size);
        return size;
    }
    outcome done = me.request->sink(me.response, std::as_bytes(std::span(data, size)));
    if (done.ok()) return size;
    me.failure = std::move(done).take();
    return 0;
}

/// The last place where a request can be stopped before it leaves the machine: names have become addresses here.
curl_socket_t transport::exchange::on_socket(void* self, curlsocktype, curl_sockaddr* address) {
    auto& me = *static_cast<exchange*>(self);
    if (!me.by_proxy && !me.named->contains(me.request->url) && is_private_address(address->addr) &&
        !me.named->contains(address->addr)) {
        me.refuse(status::denied,
                  "host " + me.request->url.authority() +
                      " is in a private network, and only the registry named it: allow it if it is right");
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

CURLcode transport::exchange::on_tls(CURL*, void* context, void* self) {
    auto& me = *static_cast<exchange*>(self);
    auto* const tls = static_cast<SSL_CTX*>(context);
    for (const auto& file : me.request->tls.ca_files) {
        if (SSL_CTX_load_verify_locations(tls, file.c_str(), nullptr) == 1) continue;
        me.refuse(status::invalid_argument, "cannot read CA certificates from " + quoted(file));
        return CURLE_SSL_CACERT_BADFILE;
    }
    return CURLE_OK;
}

void transport::exchange::prepare() {
    CURL* const curl = easy.get();
    const auto& limits = options->limits;
    const auto set = [&](CURLoption option, auto value) {
        if (curl_easy_setopt(curl, option, value) != CURLE_OK) throw std::bad_alloc();
    };
    set(CURLOPT_ERRORBUFFER, curl_says.data());
    set(CURLOPT_URL, request->url.text().c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_USERAGENT, options->user_agent.c_str());
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    set(CURLOPT_PIPEWAIT, 1L);
    set(CURLOPT_CONNECTTIMEOUT_MS,
        static_cast<long>(request->dial_timeout != 0 ? request->dial_timeout : limits.dial_timeout));
    set(CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(limits.slowest));
    set(CURLOPT_LOW_SPEED_TIME, std::max(1L, static_cast<long>(limits.stall_timeout / 1000)));
    set(CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    by_proxy = goes_by_proxy(request->url, options->proxy, options->no_proxy, *named);
    set(CURLOPT_PROXY, by_proxy ? options->proxy.c_str() : "");
    set(CURLOPT_NOPROXY, "");  // it has been looked at
    set(CURLOPT_HEADERFUNCTION, &exchange::on_header);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_WRITEFUNCTION, &exchange::on_body);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_OPENSOCKETFUNCTION, &exchange::on_socket);
    set(CURLOPT_OPENSOCKETDATA, this);
    if (request->head) set(CURLOPT_NOBODY, 1L);
    if (!request->form.empty()) {
        set(CURLOPT_POSTFIELDS, request->form.data());
        set(CURLOPT_POSTFIELDSIZE, static_cast<long>(request->form.size()));
    }
    for (const auto& line : request->headers) {
        curl_slist* const longer = curl_slist_append(headers.get(), line.c_str());
        if (longer == nullptr) throw std::bad_alloc();
        static_cast<void>(headers.release());
        headers.reset(longer);
    }
    set(CURLOPT_HTTPHEADER, headers.get());
    if (request->url.scheme == "https") prepare_tls();
}

void transport::exchange::prepare_tls() {
    CURL* const curl = easy.get();
    const auto& tls = request->tls;
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!options->ca_file.empty()) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file.c_str());
        curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
    }
    if (!tls.ca_files.empty()) {
        curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, &exchange::on_tls);
        curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, this);
        curl_easy_setopt(curl, CURLOPT_CA_CACHE_TIMEOUT, 0L);  // else these would be trusted for other hosts, too
    }
    if (!tls.client_certificates.empty()) {
        const auto& [certificate, key] = tls.client_certificates.front();
        curl_easy_setopt(curl, CURLOPT_SSLCERT, certificate.c_str());
        curl_easy_setopt(curl, CURLOPT_SSLKEY, key.empty() ? certificate.c_str() : key.c_str());
    }
    if (tls.skip_verify) {
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
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
    } else if (code == CURLE_OK || one->enough) {
        curl_off_t pause = 0;
        curl_easy_getinfo(one->easy.get(), CURLINFO_RETRY_AFTER, &pause);
        one->response.retry_after = std::chrono::seconds(pause);
        came = std::move(one->response);
    } else if (code == CURLE_OPERATION_TIMEDOUT) {
        const bool asked = reached(one->easy.get(), CURLINFO_PRETRANSFER_TIME_T) > std::chrono::microseconds::zero();
        came = error{status::unreachable,
                     one->answering ? "the answer stalled: fewer than " + std::to_string(options_.limits.slowest) +
                                          " bytes a second for " + seconds(options_.limits.stall_timeout)
                     : asked ? "no answer within " + seconds(options_.limits.first_byte_timeout)
                             : "no connection within " + seconds(options_.limits.dial_timeout)};
    } else {
        const std::string_view says = one->curl_says.data();
        const std::string why = printable(says.empty() ? curl_easy_strerror(static_cast<CURLcode>(code)) : says, 300);
        http_response none;
        none.body = why;
        none.ending = code == CURLE_SSL_CONNECT_ERROR ? http_response::ending::not_tls : http_response::ending::broken;
        if (none.ending == http_response::ending::not_tls || is_broken(code)) {
            came = std::move(none);
        } else {
            came = error{status::unreachable, why};
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
            one->refuse(status::cancelled, "cancelled");
        } else if (!one->answering && sent > none &&
                   since - sent > std::chrono::milliseconds(limits.first_byte_timeout)) {
            one->refuse(status::unreachable, "no answer within " + seconds(limits.first_byte_timeout));
        } else if (is_tls && sent == none && secured == none && connected > none &&
                   since - connected > std::chrono::milliseconds(limits.tls_timeout)) {
            one->refuse(status::unreachable, "no TLS within " + seconds(limits.tls_timeout));
        } else {
            continue;
        }
        late.push_back(number);
    }
    for (const ticket number : late) finish(number, CURLE_ABORTED_BY_CALLBACK);
}

}  // namespace refract::registry
