// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/http/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>

#include "base/ascii.h"

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

bool is_blank(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Without blanks around it, and in lower case.
std::string plain_entry(std::string_view entry) {
    while (!entry.empty() && is_blank(entry.front())) entry.remove_prefix(1);
    while (!entry.empty() && is_blank(entry.back())) entry.remove_suffix(1);
    return lower_case(entry);
}

struct host_and_port {
    std::string_view host;
    std::string_view port;  ///< empty: any
};

/// As Go's net.SplitHostPort: what has no port, or not well, is a host as a whole.
host_and_port split_entry(std::string_view entry) {
    const host_and_port whole{entry, {}};
    const auto colon = entry.rfind(':');
    if (colon == std::string_view::npos) return whole;
    std::string_view host = entry.substr(0, colon);
    const auto port = entry.substr(colon + 1);
    const bool bracketed = host.starts_with('[');
    if (bracketed && !host.ends_with(']')) return whole;
    if (bracketed) host = host.substr(1, host.size() - 2);
    const bool odd = host.find_first_of("[]") != std::string_view::npos || port.find_first_of("[]") != port.npos;
    if (odd || (!bracketed && host.find(':') != std::string_view::npos)) return whole;
    return {host, port};
}

/// An IPv4 address that is written as an IPv6 one is the same address.
std::optional<sockaddr_storage> unmapped(std::optional<sockaddr_storage> address) {
    if (!address || address->ss_family != AF_INET6) return address;
    const auto& six = reinterpret_cast<const sockaddr_in6&>(*address).sin6_addr;
    if (!IN6_IS_ADDR_V4MAPPED(&six)) return address;
    sockaddr_storage four{};
    four.ss_family = AF_INET;
    std::copy_n(six.s6_addr + 12, 4, reinterpret_cast<std::uint8_t*>(&reinterpret_cast<sockaddr_in&>(four).sin_addr));
    return four;
}

bool is_same(const sockaddr_storage& a, const sockaddr_storage& b) {
    const auto bytes = [](const sockaddr_storage& of) {
        const auto* const four = reinterpret_cast<const char*>(&reinterpret_cast<const sockaddr_in&>(of).sin_addr);
        const auto* const six = reinterpret_cast<const char*>(&reinterpret_cast<const sockaddr_in6&>(of).sin6_addr);
        return of.ss_family == AF_INET ? std::string_view(four, 4) : std::string_view(six, 16);
    };
    return a.ss_family == b.ss_family && bytes(a) == bytes(b);
}

/// A network of IPv4 addresses that are written as IPv6 ones is one of IPv4.
std::string unmapped_network(const std::string& entry) {
    static constexpr unsigned mapping = 96;
    const auto slash = entry.find('/');
    const auto written = address_of('[' + entry.substr(0, slash) + ']');
    const auto four = unmapped(written);
    unsigned bits = 0;
    const auto [end, code] = std::from_chars(entry.data() + slash + 1, entry.data() + entry.size(), bits);
    const bool whole = code == std::errc{} && end == entry.data() + entry.size();
    if (!written || four->ss_family != AF_INET || !whole || bits < mapping) return entry;
    std::array<char, INET_ADDRSTRLEN> text{};
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(*four).sin_addr, text.data(), text.size());
    return std::string(text.data()) + '/' + std::to_string(bits - mapping);
}

bool is_exempt_by(const url& asked, const std::optional<sockaddr_storage>& address, const std::string& entry) {
    static constexpr std::string_view below = "*.";
    if (entry.find('/') != std::string::npos) {
        named_hosts network;
        if (network.allow(unmapped_network(entry)).ok()) return address && network.contains(plain(*address));
    }
    const auto [host, port] = split_entry(entry);
    if (host.empty()) return false;
    const bool port_fits = port.empty() || port == asked.port;
    const bool is_six = host.find(':') != std::string_view::npos;
    if (const auto one = unmapped(address_of(is_six ? '[' + std::string(host) + ']' : std::string(host)))) {
        return address && port_fits && is_same(*one, *address);
    }
    if (address) return false;
    std::string domain(host.substr(host.starts_with(below) ? 1 : 0));
    const bool itself = !domain.starts_with('.');
    if (itself) domain.insert(0, 1, '.');
    return port_fits && (asked.host.ends_with(domain) || (itself && asked.host == domain.substr(1)));
}

}  // namespace

bool is_exempt(const url& asked, std::string_view no_proxy) {
    const auto address = unmapped(address_of(asked.host));
    while (!no_proxy.empty()) {
        const auto end = std::min(no_proxy.find(','), no_proxy.size());
        const std::string entry = plain_entry(no_proxy.substr(0, end));
        if (entry == "*" || (!entry.empty() && is_exempt_by(asked, address, entry))) return true;
        no_proxy.remove_prefix(std::min(end + 1, no_proxy.size()));
    }
    return false;
}

bool goes_by_proxy(const url& asked, std::string_view proxy, std::string_view no_proxy, const named_hosts& named) {
    if (proxy.empty() || is_loopback(asked.host) || is_exempt(asked, no_proxy)) return false;
    const auto address = address_of(asked.host);
    if (!address || named.contains(asked) || named.contains(plain(*address))) return true;
    return !is_private_address(plain(*address)) && !is_own_address(plain(*address));
}

}  // namespace refract::registry
