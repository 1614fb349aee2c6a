// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/http/address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <memory>
#include <span>

#include "base/printable.h"

namespace refract::registry {
namespace {

struct block {
    std::array<std::uint8_t, 16> bytes;
    unsigned bits;
};

// IANA IPv4 Special-Purpose Address Registry, whatever is not globally reachable there; and multicast.
constexpr std::array<block, 15> ipv4_blocks{{
    {{0}, 8},              // this network
    {{10}, 8},             // private
    {{100, 64}, 10},       // shared, of carriers
    {{127}, 8},            // loopback
    {{169, 254}, 16},      // link-local
    {{172, 16}, 12},       // private
    {{192, 0, 0}, 24},     // protocol assignments
    {{192, 0, 2}, 24},     // documentation, TEST-NET-1
    {{192, 88, 99}, 24},   // 6to4 relays, deprecated
    {{192, 168}, 16},      // private
    {{198, 18}, 15},       // benchmarking
    {{198, 51, 100}, 24},  // documentation, TEST-NET-2
    {{203, 0, 113}, 24},   // documentation, TEST-NET-3
    {{224}, 4},            // multicast, MCAST-TEST-NET
    {{240}, 4},            // reserved, broadcast
}};

// Of IPv6 only this is given out to anybody (IANA IPv6 Address Space): loopback, unspecified, discard-only, unique and
// link-local, multicast, segment routing and locally translated (64:ff9b:1::/48) addresses are outside of it.
constexpr block ipv6_global{{0x20}, 3};

// IANA IPv6 Special-Purpose Address Registry, what is within it and not globally reachable.
constexpr std::array<block, 3> ipv6_blocks{{
    {{0x20, 0x01}, 23},              // protocol assignments, among them Teredo, benchmarking and ORCHID
    {{0x20, 0x01, 0x0d, 0xb8}, 32},  // documentation
    {{0x3f, 0xff}, 20},              // documentation
}};

/// Where IPv6 addresses embed the IPv4 address that they lead to: what embeds one is judged by that.
struct embedding {
    block prefix;
    std::size_t at;
};
constexpr std::array<embedding, 5> embeddings{{
    {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96}, 12},  // IPv4-mapped
    {{{0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0}, 96}, 12},  // IPv4-translated
    {{{0}, 96}, 12},                                         // IPv4-compatible
    {{{0x00, 0x64, 0xff, 0x9b}, 96}, 12},                    // NAT64
    {{{0x20, 0x02}, 16}, 2},                                 // 6to4
}};

bool within(const std::uint8_t* address, const std::uint8_t* prefix, unsigned bits) noexcept {
    const unsigned whole = bits / 8;
    if (std::memcmp(address, prefix, whole) != 0) return false;
    const unsigned rest = bits % 8;
    if (rest == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xFFu << (8 - rest));
    return (address[whole] & mask) == (prefix[whole] & mask);
}

bool within_any(const std::uint8_t* address, std::span<const block> blocks) noexcept {
    return std::any_of(blocks.begin(), blocks.end(),
                       [&](const block& one) { return within(address, one.bytes.data(), one.bits); });
}

/// The IPv4 address that an IPv6 one leads to; nullptr if it leads to none.
const std::uint8_t* embedded_in(const std::uint8_t* six) noexcept {
    for (const embedding& one : embeddings) {
        if (within(six, one.prefix.bytes.data(), one.prefix.bits)) return six + one.at;
    }
    return nullptr;
}

const std::uint8_t* bytes_of(const sockaddr& address) noexcept {
    if (address.sa_family == AF_INET) {
        return reinterpret_cast<const std::uint8_t*>(&reinterpret_cast<const sockaddr_in&>(address).sin_addr);
    }
    return reinterpret_cast<const std::uint8_t*>(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
}

}  // namespace

bool is_private_address(const sockaddr& address) noexcept {
    if (address.sa_family == AF_INET) return within_any(bytes_of(address), ipv4_blocks);
    if (address.sa_family != AF_INET6) return true;
    const std::uint8_t* const bytes = bytes_of(address);
    if (const std::uint8_t* const four = embedded_in(bytes); four != nullptr) return within_any(four, ipv4_blocks);
    return !within(bytes, ipv6_global.bytes.data(), ipv6_global.bits) || within_any(bytes, ipv6_blocks);
}

bool is_own_address(const sockaddr& address) noexcept {
    if (address.sa_family != AF_INET && address.sa_family != AF_INET6) return true;
    ifaddrs* all = nullptr;
    if (getifaddrs(&all) != 0) return true;  // who cannot be told from this machine is taken for it
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> held(all, freeifaddrs);
    const std::uint8_t* const bytes = bytes_of(address);
    const std::uint8_t* const four = address.sa_family == AF_INET ? bytes : embedded_in(bytes);
    for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
        if (one->ifa_addr == nullptr) continue;
        const auto family = one->ifa_addr->sa_family;
        const std::uint8_t* const own = family == AF_INET || family == AF_INET6 ? bytes_of(*one->ifa_addr) : nullptr;
        if (own == nullptr) continue;
        if (family == AF_INET && four != nullptr && std::memcmp(own, four, 4) == 0) return true;
        if (family == AF_INET6 && address.sa_family == AF_INET6 && std::memcmp(own, bytes, 16) == 0) return true;
    }
    return false;
}

status named_hosts::allow(std::string_view what) {
    const auto slash = what.find('/');
    if (slash == std::string_view::npos) {
        auto parsed = parse_url("https://" + std::string(what));
        if (parsed.failed()) return status(std::move(parsed).take()).in("allowed host " + quote(what));
        const bool has_port = what.ends_with(':' + parsed.value().port);
        if (has_port) {
            origins_.push_back(parsed.value().host + ':' + parsed.value().port);
        } else {
            hosts_.push_back(parsed.value().host);
        }
        return {};
    }
    network next;
    const std::string address(what.substr(0, slash));
    const auto bits = what.substr(slash + 1);
    next.family = address.find(':') == std::string::npos ? AF_INET : AF_INET6;
    const unsigned most = next.family == AF_INET ? 32 : 128;
    const auto [end, code] = std::from_chars(bits.data(), bits.data() + bits.size(), next.bits);
    if (inet_pton(next.family, address.c_str(), next.bytes) != 1 || code != std::errc{} ||
        end != bits.data() + bits.size() || next.bits > most) {
        return {status_code::invalid_argument, quote(what) + " is no network: want one like 10.0.0.0/8 or fd00::/8"};
    }
    networks_.push_back(next);
    return {};
}

void named_hosts::add(const url& named) {
    if (!is_loopback(named.host)) hosts_.push_back(named.host);
    origins_.push_back(named.host + ':' + named.port);
}

bool named_hosts::contains(const url& asked) const {
    return std::find(hosts_.begin(), hosts_.end(), asked.host) != hosts_.end() ||
           std::find(origins_.begin(), origins_.end(), asked.host + ':' + asked.port) != origins_.end();
}

bool named_hosts::contains(const sockaddr& address) const noexcept {
    return std::any_of(networks_.begin(), networks_.end(), [&](const network& one) {
        return one.family == address.sa_family && within(bytes_of(address), one.bytes, one.bits);
    });
}

}  // namespace refract::registry
