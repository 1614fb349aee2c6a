// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string_view>

#include "registry/http/address.h"
#include "registry/http/url.h"

namespace refract::registry {

/// Whether `no_proxy` exempts what is asked from the proxy, as Go's golang.org/x/net/http/httpproxy reads it, which the
/// other programs on a node read it with. Its entries, with commas between them and blanks around them: "*" for all;
/// "a.example" for that and all below it; ".a.example" and "*.a.example" for what is below; addresses; and networks,
/// "10.0.0.0/8". All but networks may have a port, ":5000", an IPv6 address then in brackets. It is judged here because
/// libcurl reads it otherwise, and does not tell in time whether a connection is one to the proxy, of which the address
/// is the operator's word.
bool is_exempt(const url& asked, std::string_view no_proxy);

/// Whether a request goes by the proxy. What is on this machine never does; nor does what is written as an address in a
/// private network that the operator did not name: the proxy would be a way there.
bool goes_by_proxy(const url& asked, std::string_view proxy, std::string_view no_proxy, const named_hosts& named);

}  // namespace refract::registry
