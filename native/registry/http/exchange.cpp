// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/http/exchange.h"

#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>

#include "base/ascii.h"
#include "base/limits.h"
#include "base/printable.h"
#include "registry/http/proxy.h"

namespace refract::registry {
namespace {

/// Those that libcurl decodes wherever it is built as distributions do.
bool is_decodable(std::string_view coding) { return coding == "gzip" || coding == "x-gzip" || coding == "deflate"; }

}  // namespace

void transport::exchange::note_codings(std::string_view value) {
    static constexpr std::string_view blanks = " \t";
    while (!value.empty()) {
        const auto end = std::min(value.find(','), value.size());
        std::string_view one = value.substr(0, end);
        value.remove_prefix(std::min(end + 1, value.size()));
        one.remove_prefix(std::min(one.find_first_not_of(blanks), one.size()));
        std::string name = lower_case(one.substr(0, one.find_first_of(" \t;")));
        if (name.empty() || name == "identity" || name == "chunked") continue;
        ++codings;
        coding = std::move(name);
    }
}

bool transport::exchange::is_readable() {
    response.encoded = codings > 0;
    if (codings == 0 || request->head || (codings == 1 && response.status != 206 && is_decodable(coding))) return true;
    if (!is_success()) {
        enough = true;
    } else if (response.status == 206) {
        // A part of what is encoded cannot be decoded by itself: to be asked anew, for the whole.
        cut = "the answer is a part of what is encoded with " + printable(coding, 40);
    } else if (codings > 1) {
        refuse(status_code::unsupported, "the answer is encoded " + std::to_string(codings) +
                                             " times, the last time with " + quote(coding, 40) +
                                             "; it was asked for without, and may be so once");
    } else {
        refuse(status_code::unsupported, "the answer is encoded with " + quote(coding, 40) +
                                             ", though it was asked for without; only gzip and deflate can be decoded");
    }
    return false;
}

bool transport::exchange::is_hollow() const {
    if (codings == 0) return false;
    curl_off_t came = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_SIZE_DOWNLOAD_T, &came);
    const auto encoded = static_cast<std::uint64_t>(std::max<curl_off_t>(came, 0));
    return encoded > body_bytes && encoded - body_bytes > lookup_limits{}.encoding_overhead + body_bytes / 8;
}

std::size_t transport::exchange::on_header(char* data, std::size_t, std::size_t size, void* self) {
    auto& me = *static_cast<exchange*>(self);
    me.answering = true;
    me.header_bytes += size;
    if (me.header_bytes > me.options->limits.header_bytes) {
        me.refuse(status_code::limit_exceeded, "the headers take more than the limit of " +
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
    if (line.empty()) return (me.response.status / 100 == 1 || me.is_readable()) ? size : 0;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return size;
    std::string name = lower_case(line.substr(0, colon));
    auto value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    if (name == "content-encoding" || name == "transfer-encoding") me.note_codings(value);
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
        me.refuse(status_code::limit_exceeded, "the answer is longer than " + std::to_string(me.request->max_bytes) +
                                                   " bytes, which is all it may have");
        return 0;
    }
    if (!me.request->sink) {
        if (std::uint64_t* const left = me.request->left; left != nullptr) {
            if (size > *left) {
                me.refuse(status_code::limit_exceeded, "this answer and others take more than the limit of " +
                                                           std::to_string(me.options->limits.answers_bytes) +
                                                           " bytes together");
                return 0;
            }
            *left -= size;
        }
        me.response.body.append(data, size);
        return size;
    }
    status done = me.request->sink(me.response, std::as_bytes(std::span(data, size)));
    if (done.ok()) return size;
    me.failure = std::move(done).take();
    return 0;
}

/// The last place where a request can be stopped before it leaves the machine: names have become addresses here.
curl_socket_t transport::exchange::on_socket(void* self, curlsocktype, curl_sockaddr* address) {
    auto& me = *static_cast<exchange*>(self);
    if (!me.by_proxy && !me.named->contains(me.request->url) && !me.named->contains(address->addr)) {
        const bool is_private = is_private_address(address->addr);
        if (is_private || is_own_address(address->addr)) {
            me.refuse(status_code::denied, "host " + me.request->url.authority() +
                                               (is_private ? " is in a private network" : " is this machine itself") +
                                               ", and only the registry named it: allow it if it is right");
            return CURL_SOCKET_BAD;
        }
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

CURLcode transport::exchange::on_tls(CURL*, void* context, void* self) {
    auto& me = *static_cast<exchange*>(self);
    auto* const tls = static_cast<SSL_CTX*>(context);
    for (const auto& file : me.request->tls.ca_files) {
        if (SSL_CTX_load_verify_locations(tls, file.c_str(), nullptr) == 1) continue;
        me.refuse(status_code::invalid_argument, "cannot read CA certificates from " + quote(file));
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
    // Digests and ranges are about the bytes as they are. Who encodes them all the same is decoded.
    set(CURLOPT_ACCEPT_ENCODING, "identity");
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

}  // namespace refract::registry
