// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/http/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>

#include "base/ascii.h"
#include "base/printable.h"

namespace refract::registry {
namespace {

using url_handle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;
using curl_text = std::unique_ptr<char, decltype(&curl_free)>;

url_handle new_handle() {
    url_handle made(curl_url(), &curl_url_cleanup);
    if (!made) throw std::bad_alloc();
    return made;
}

/// Empty if the URL does not have it.
std::string part(CURLU* from, CURLUPart what, unsigned flags = 0) {
    char* text = nullptr;
    const CURLUcode code = curl_url_get(from, what, &text, flags);
    if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
    if (code != CURLUE_OK) return {};
    return curl_text(text, &curl_free).get();
}

/// One spelling for one host, so that comparing text compares hosts.
std::string canonical(std::string host) {
    host = lower_case(host);
    if (!host.starts_with('[') || !host.ends_with(']')) return host;
    in6_addr address{};
    std::array<char, INET6_ADDRSTRLEN> text{};
    const std::string inner = host.substr(1, host.size() - 2);
    if (inet_pton(AF_INET6, inner.c_str(), &address) != 1) return host;
    inet_ntop(AF_INET6, &address, text.data(), text.size());
    return '[' + std::string(text.data()) + ']';
}

result<url> read(CURLU* from, std::string_view shown) {
    url into;
    into.scheme = part(from, CURLUPART_SCHEME);
    if (into.scheme != "https" && into.scheme != "http") {
        return error{status_code::malformed, shown_url(shown) + " is no http or https URL"};
    }
    into.host = canonical(part(from, CURLUPART_HOST));
    // The parser decodes what is escaped in a host: what comes out of that must still be one.
    const bool named = !into.host.empty() &&
                       into.host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_[]:") == std::string::npos;
    if (!named) return error{status_code::malformed, shown_url(shown) + " has no proper host"};
    into.port = part(from, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    into.target = part(from, CURLUPART_PATH);
    if (const auto query = part(from, CURLUPART_QUERY); !query.empty()) into.target += '?' + query;
    if (!part(from, CURLUPART_USER).empty() || !part(from, CURLUPART_PASSWORD).empty()) {
        return error{status_code::malformed,
                     "a URL with a user name or password in it is refused (host " + quote(into.host) + ')'};
    }
    return into;
}

result<url> set(CURLU* into, std::string_view text) {
    const bool clean = std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
    if (!clean || text.find('\\') != std::string_view::npos) {
        return error{status_code::malformed, shown_url(text) + " is no URL: it has characters that a URL cannot have"};
    }
    if (const auto code = curl_url_set(into, CURLUPART_URL, std::string(text).c_str(), 0); code != CURLUE_OK) {
        return error{status_code::malformed, shown_url(text) + " is no URL: " + curl_url_strerror(code)};
    }
    auto got = read(into, text);
    if (got.failed()) return got;
    // Escapes and odd numbers in a host may mean one thing now and another when the URL is read again, to connect.
    const url_handle again = new_handle();
    const bool same = curl_url_set(again.get(), CURLUPART_URL, got.value().text().c_str(), 0) == CURLUE_OK &&
                      canonical(part(again.get(), CURLUPART_HOST)) == got.value().host;
    if (!same) return error{status_code::malformed, shown_url(text) + " has a host that can be read in two ways"};
    return got;
}

}  // namespace

std::string url::authority() const {
    const bool own = (scheme == "https" && port == "443") || (scheme == "http" && port == "80");
    return own ? host : host + ':' + port;
}

std::string url::text() const { return scheme + "://" + authority() + target; }

result<url> parse_url(std::string_view text) {
    const url_handle handle = new_handle();
    return set(handle.get(), text);
}

result<url> resolve_url(const url& base, std::string_view text) {
    const url_handle handle = new_handle();
    if (auto known = set(handle.get(), base.text()); known.failed()) return known;
    return set(handle.get(), text);
}

std::string escape_url(std::string_view text) {
    const curl_text escaped(curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size())), &curl_free);
    if (!escaped) throw std::bad_alloc();
    return escaped.get();
}

bool is_loopback(std::string_view host) {
    return host == "localhost" || host.ends_with(".localhost") || host == "[::1]" ||
           (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos);
}

std::optional<endpoint> parse_endpoint(const std::string& url) {
    const url_handle handle = new_handle();
    if (url.find('\0') != std::string::npos) return std::nullopt;
    const CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, url.c_str(), 0);
    if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
    if (code != CURLUE_OK) return std::nullopt;
    endpoint parts{part(handle.get(), CURLUPART_SCHEME), part(handle.get(), CURLUPART_HOST),
                   part(handle.get(), CURLUPART_PATH)};
    if ((parts.scheme != "http" && parts.scheme != "https") || parts.host.empty()) return std::nullopt;
    if (const std::string port = part(handle.get(), CURLUPART_PORT); !port.empty()) parts.host += ':' + port;
    return parts;
}

std::string shown_url(std::string_view url) {
    const auto at = url.rfind('@');
    const auto query = url.find_first_of("?#");
    if (at != std::string_view::npos && query < at) {
        url = url.substr(0, url.find("://"));  // it cannot be told where a user ends, nor where a query begins
    } else {
        url = url.substr(0, query).substr(at == std::string_view::npos ? 0 : at + 1);
    }
    return quote(url, 128);
}

}  // namespace refract::registry
