// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace refract::registry {

/// Where a registry is asked, and how.
struct host {
    std::string scheme;  ///< "http" or "https"
    std::string host;    ///< "registry.example:5000"
    std::string path;    ///< that of the API, "/v2" as a rule; without a slash at its end, so it may be empty
    bool pull = true;
    bool resolve = true;
    bool referrers = true;
    std::vector<std::string> ca_files;                                     ///< trusted besides the system's
    std::vector<std::pair<std::string, std::string>> client_certificates;  ///< certificate and key; none: both in one
    bool skip_verify = false;
    std::vector<std::pair<std::string, std::string>> headers;  ///< sent with every request; values may be secrets
    std::optional<std::uint32_t> dial_timeout_ms;
    bool http_fallback = false;  ///< https, but http if that does not talk TLS
    bool is_mirror = false;      ///< not the name's own host, so it is told that by ?ns=
};

/// The hosts to try, in this order, for the host of an image's name, as containerd 2.4.2 finds them.
///
/// `directories`: where there is a directory for a host (certs.d), joined by colons as in CRI's config_path; the first
/// that has one for this host, or a `_default`, is used. None: no file is read. `plain_http`: a host of which no file
/// says better is asked by http.
///
/// Other than containerd, which logs it and goes on without, a hosts.toml that cannot be read is an error: it may be
/// what keeps requests inside a network.
result<std::vector<host>> hosts_for(std::string_view host, std::string_view directories, bool plain_http);

}  // namespace refract::registry
