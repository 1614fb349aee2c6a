// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string_view>

#include "registry/address.h"
#include "registry/url.h"

namespace refract::registry {

/// Whether `host` is what `no_proxy` exempts from the proxy: "*", domains with all that is below them, addresses and
/// networks, with commas or spaces between them, as libcurl reads it. It is judged here because libcurl does not tell
/// in time whether a connection is one to the proxy, of which the address is the operator's word.
bool is_exempt(std::string_view host, std::string_view no_proxy);

/// Whether a request goes by the proxy. What is on this machine never does; nor does what is written as an address in a
/// private network that the operator did not name: the proxy would be a way there.
bool goes_by_proxy(const url& asked, std::string_view proxy, std::string_view no_proxy, const named_hosts& named);

}  // namespace refract::registry
