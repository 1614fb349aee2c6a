// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "registry/hosts/hosts.h"

namespace refract::registry {

/// A host as its file has it: one that is not named (`what.host` is empty) is the image's own.
struct written_host {
    host what;
    bool tells_tls = false;  ///< says something of certificates, so it speaks TLS even where the scheme is http
};

/// Reads a hosts.toml: each `[host."…"]` in the order of the file, then the keys outside of them. Relative names of
/// files are relative to `directory`. Keys that containerd does not know are ignored, as it does.
result<std::vector<written_host>> parse_hosts_file(std::string_view text, const std::string& directory);

}  // namespace refract::registry
