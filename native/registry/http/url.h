// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace refract::registry {

/// An http or https URL, taken apart by libcurl's URL parser, which is also what connects: so nothing is checked that
/// is then read otherwise.
struct url {
    std::string scheme;  ///< "https" or "http"
    std::string host;    ///< lower case; an IPv6 address in its shortest form and in brackets
    std::string port;    ///< never empty
    std::string target;  ///< path and query

    /// What credentials and headers are for: "https://registry.example:443".
    std::string origin() const { return scheme + "://" + host + ':' + port; }
    /// "registry.example:5000", without the port where it is the scheme's own.
    std::string authority() const;
    std::string text() const;
};

/// Refuses other schemes, and user names in it: they belong to credentials.
result<url> parse_url(std::string_view text);

/// What a Location or Link header means at `base` (RFC 3986, section 5).
result<url> resolve_url(const url& base, std::string_view text);

/// Of one query parameter's value.
std::string escape_url(std::string_view text);

bool is_loopback(std::string_view host);

/// The parts of an http or https URL that name a registry. User, query and fragment are left out.
struct endpoint {
    std::string scheme;  ///< "http" or "https"
    std::string host;    ///< with the port, if the URL has one; IPv6 addresses in brackets
    std::string path;    ///< still encoded; "/" where the URL has none
};

/// Read by libcurl's own parser, so that what is checked is what is connected to. Nothing if it is no such URL.
std::optional<endpoint> parse_endpoint(const std::string& url);

/// In quotes for messages, without what may be secret: the user and password that somebody may have put into it, and
/// the query, which is how content networks are given access.
std::string shown_url(std::string_view url);

}  // namespace refract::registry
