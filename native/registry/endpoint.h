// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace refract::registry {

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
