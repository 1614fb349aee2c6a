// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "registry/http/url.h"

namespace refract::registry {

/// Whether an address leads into the machine, its network or nowhere: whatever IANA's registries of special-purpose
/// addresses have as not globally reachable, and IPv6 forms of these. What a registry names there, nobody asked for.
bool is_private_address(const sockaddr& address) noexcept;

/// Whether it is one of this machine's own, as its interfaces have them now: whoever listens on all of them listens on
/// a public one, too.
bool is_own_address(const sockaddr& address) noexcept;

/// The hosts that the operator named, and so may be anywhere: those of image names and hosts.toml, and what was
/// allowed besides.
class named_hosts {
public:
    /// "host", "host:port" or a network, "10.0.0.0/8".
    status allow(std::string_view what);
    void add(const url& named);

    /// Whether a request to this host may go wherever the name leads. On loopback only the port that was named counts:
    /// it may be a way to a registry elsewhere, which must not get at this machine's other services.
    bool contains(const url& asked) const;
    bool contains(const sockaddr& address) const noexcept;

private:
    struct network {
        int family = 0;
        std::uint8_t bytes[16] = {};
        unsigned bits = 0;
    };

    std::vector<std::string> hosts_;
    std::vector<std::string> origins_;  ///< "host:port"
    std::vector<network> networks_;
};

}  // namespace refract::registry
