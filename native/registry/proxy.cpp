// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <optional>
#include <string>

namespace refract::registry {
namespace {

/// Of a host that is written as an address. libcurl's parser has made "127.0.0.1" of all forms of that.
std::optional<sockaddr_storage> address_of(std::string_view host) {
    sockaddr_storage whole{};
    if (host.starts_with('[') && host.ends_with(']')) {
        auto& six = reinterpret_cast<sockaddr_in6&>(whole);
        six.sin6_family = AF_INET6;
        if (inet_pton(AF_INET6, std::string(host.substr(1, host.size() - 2)).c_str(), &six.sin6_addr) == 1)
            return whole;
        return std::nullopt;
    }
    auto& four = reinterpret_cast<sockaddr_in&>(whole);
    four.sin_family = AF_INET;
    if (inet_pton(AF_INET, std::string(host).c_str(), &four.sin_addr) == 1) return whole;
    return std::nullopt;
}

const sockaddr& plain(const sockaddr_storage& whole) { return reinterpret_cast<const sockaddr&>(whole); }

bool is_exempt_by(std::string_view host, const std::optional<sockaddr_storage>& address, std::string_view entry) {
    if (entry == "*") return true;
    if (entry.find('/') != std::string_view::npos) {
        named_hosts network;
        return address && network.allow(entry).ok() && network.contains(plain(*address));
    }
    if (entry.starts_with('.')) entry.remove_prefix(1);
    auto known = parse_url("http://" + std::string(entry));
    if (known.failed()) return false;
    const std::string& domain = known.value().host;
    return host == domain || (!address && host.ends_with('.' + domain));
}

}  // namespace

bool is_exempt(std::string_view host, std::string_view no_proxy) {
    static constexpr std::string_view separators = ", ";
    const auto address = address_of(host);
    while (!no_proxy.empty()) {
        const auto end = std::min(no_proxy.find_first_of(separators), no_proxy.size());
        if (end > 0 && is_exempt_by(host, address, no_proxy.substr(0, end))) return true;
        no_proxy.remove_prefix(std::min(end + 1, no_proxy.size()));
    }
    return false;
}

bool goes_by_proxy(const url& asked, std::string_view proxy, std::string_view no_proxy, const named_hosts& named) {
    if (proxy.empty() || is_loopback(asked.host) || is_exempt(asked.host, no_proxy)) return false;
    const auto address = address_of(asked.host);
    return !address || !is_private_address(plain(*address)) || named.contains(asked) || named.contains(plain(*address));
}

}  // namespace refract::registry
