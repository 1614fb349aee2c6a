// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <span>

#include "base/printable.h"

namespace refract::registry {
namespace {

struct block {
    std::array<std::uint8_t, 16> bytes;
    unsigned bits;
};

// RFC 6890, RFC 6598, RFC 5771.
constexpr std::array<block, 12> ipv4_blocks{{{{0}, 8},
                                             {{10}, 8},
                                             {{100, 64}, 10},
                                             {{127}, 8},
                                             {{169, 254}, 16},
                                             {{172, 16}, 12},
                                             {{192, 0, 0}, 24},
                                             {{192, 168}, 16},
                                             {{198, 18}, 15},
                                             {{224}, 4},
                                             {{240}, 4},
                                             {{255, 255, 255, 255}, 32}}};

// RFC 4193, RFC 4291; what embeds an IPv4 address is judged by that one.
constexpr std::array<block, 5> ipv6_blocks{
    {{{0}, 128}, {{0xfc}, 7}, {{0xfe, 0x80}, 10}, {{0xfe, 0xc0}, 10}, {{0xff}, 8}}};
constexpr block ipv6_loopback{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128};

/// Where an IPv4 address stands in IPv6 ones that lead to it.
struct embedding {
    block prefix;
    std::size_t at;
};
constexpr std::array<embedding, 4> embeddings{{
    {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96}, 12},  // IPv4-mapped
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
    if (within_any(bytes, ipv6_blocks) || within(bytes, ipv6_loopback.bytes.data(), ipv6_loopback.bits)) return true;
    return std::any_of(embeddings.begin(), embeddings.end(), [&](const embedding& one) {
        return within(bytes, one.prefix.bytes.data(), one.prefix.bits) && within_any(bytes + one.at, ipv4_blocks);
    });
}

outcome named_hosts::allow(std::string_view what) {
    const auto slash = what.find('/');
    if (slash == std::string_view::npos) {
        auto parsed = parse_url("https://" + std::string(what));
        if (parsed.failed()) return outcome(std::move(parsed).take()).in("allowed host " + quote(what));
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
        return {status::invalid_argument, quote(what) + " is no network: want one like 10.0.0.0/8 or fd00::/8"};
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
