// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/endpoint.h"

#include <curl/curl.h>

#include <memory>
#include <new>

#include "base/printable.h"

namespace refract::registry {
namespace {

using url_handle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

/// Empty if the URL does not have it.
std::string part(const url_handle& url, CURLUPart which) {
    char* text = nullptr;
    const CURLUcode code = curl_url_get(url.get(), which, &text, 0);
    if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
    if (code != CURLUE_OK) return {};
    const std::unique_ptr<char, decltype(&curl_free)> held(text, &curl_free);
    return text;
}

}  // namespace

std::optional<endpoint> parse_endpoint(const std::string& url) {
    const url_handle handle(curl_url(), &curl_url_cleanup);
    if (!handle) throw std::bad_alloc();
    if (url.find('\0') != std::string::npos) return std::nullopt;
    const CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, url.c_str(), 0);
    if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
    if (code != CURLUE_OK) return std::nullopt;
    endpoint parts{part(handle, CURLUPART_SCHEME), part(handle, CURLUPART_HOST), part(handle, CURLUPART_PATH)};
    if ((parts.scheme != "http" && parts.scheme != "https") || parts.host.empty()) return std::nullopt;
    if (const std::string port = part(handle, CURLUPART_PORT); !port.empty()) parts.host += ':' + port;
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
    return refract::quoted(url, 128);
}

}  // namespace refract::registry
