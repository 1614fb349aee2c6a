// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/result.h"

namespace refract::registry {

struct credentials {
    std::string username;
    std::string password;
    std::string identity_token;  ///< an OAuth2 refresh token; preferred to the password
    std::string registry_token;  ///< for the registry as it is, without asking a token server; preferred to all others
    std::string unread = {};     ///< where others may have been, and why they could not be read; safe to show

    bool empty() const noexcept { return !has_login() && identity_token.empty() && registry_token.empty(); }
    /// Whether there is something to send as Basic.
    bool has_login() const noexcept { return !username.empty() || !password.empty(); }
};

/// Whether these can be sent: no control characters, and no colon in the user's name, where Basic would read it as the
/// password's beginning (RFC 7617). The message holds none of them.
status check(const credentials& them);

/// What docker and podman keep about log-ins: one config.json or auth.json, and the helpers that it names. Before
/// these goes what $DOCKER_AUTH_CONFIG holds: the `auths` of a config.json, as docker has it.
class credential_store {
public:
    /// `config`: a file, or a directory that holds a config.json, as docker's --config. If it is empty, the first of
    /// these that is there: $REGISTRY_AUTH_FILE, $DOCKER_CONFIG/config.json (~/.docker/config.json if that variable is
    /// not set), $XDG_RUNTIME_DIR/containers/auth.json, $XDG_CONFIG_HOME/containers/auth.json (~/.config/…). If there
    /// is none, the store is empty; it is an error (`invalid_argument`) only where `config` itself does not exist. What
    /// cannot be read of $DOCKER_AUTH_CONFIG is passed over, and told by `unread`.
    static result<credential_store> open(std::string_view config, const network_limits& limits = {});

    /// Those for a repository of a host; empty if there are none. The first that answers: $DOCKER_AUTH_CONFIG; the
    /// helper in `credHelpers` for this host, which then answers alone; the helper `credsStore`; `auths`, of which the
    /// longest "host/namespace" that begins the repository goes first, as podman has it. A helper has at most so many
    /// milliseconds, if the limit is not shorter.
    ///
    /// Errors are never `missing`: that it is not configured well does not say that an image is not there.
    result<credentials> find(const std::string& host, const std::string& repository,
                             std::uint32_t helper_timeout = UINT32_MAX);

    /// What is wrong with $DOCKER_AUTH_CONFIG, or with an entry that was looked for there; empty if nothing is.
    const std::string& unread() const noexcept { return unread_; }

    /// The file that was read; empty if there was none.
    const std::string& file() const noexcept { return file_; }

private:
    struct entry {
        std::string key;   ///< verbatim
        std::string host;  ///< of the key
        std::string path;  ///< the namespace, if the key has one
        std::string auth;  ///< base64 of "user:password"
        credentials plain;
    };
    status read(std::string_view text);
    static const entry* best_of(const std::vector<entry>& entries, const std::string& host,
                                const std::string& repository);
    result<credentials> ask(std::string_view key, const std::string& helper, const std::string& host,
                            std::uint32_t timeout) const;

    network_limits limits_;
    std::string file_;
    std::vector<std::pair<std::string, std::string>> helpers_;  ///< host and name
    std::string store_;
    std::vector<entry> entries_;
    std::vector<entry> of_environment_;
    std::string unread_;
};

}  // namespace refract::registry
