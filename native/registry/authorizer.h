// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "registry/challenge.h"
#include "registry/credentials.h"
#include "registry/transport.h"

namespace refract::registry {

/// Knows what each registry asks for, and keeps what it gave: a challenge for each origin, a token for each scope, so
/// that a second look-up asks for neither. Credentials go to the registry they are for, and to the token server that
/// the registry itself named; nowhere else.
class authorizer {
public:
    using find_credentials = std::function<result<credentials>(const url& registry, const std::string& repository)>;
    using exchange = std::function<result<http_response>(const http_request&)>;

    authorizer(find_credentials find, exchange perform, const network_limits& limits)
        : find_(std::move(find)), perform_(std::move(perform)), limits_(limits) {}

    /// Whether this origin has answered before, so that it is known what it asks for.
    bool knows(const url& registry) const { return origins_.contains(registry.origin()); }
    /// It answered without asking for anything.
    void admitted(const url& registry) { origins_.try_emplace(registry.origin()); }

    /// The Authorization line for a request, or none if nothing was asked for yet. May ask a token server.
    result<std::optional<std::string>> authorization(const url& registry, const std::string& repository);

    /// The registry answered 401 to what `authorization` gave. True: ask again, it will give something else.
    result<bool> refused(const url& registry, const std::string& repository, const http_response& response,
                         bool had_authorization);

    /// Whether there are credentials for it; for messages.
    bool has_credentials(const url& registry) const;

private:
    struct token {
        std::string value;
        clock::time_point expires;
    };
    struct origin {
        std::optional<challenge> asked;
        std::optional<credentials> known;
        std::map<std::string, token> tokens;  ///< by scope
    };

    result<const credentials*> credentials_of(origin& at, const url& registry, const std::string& repository);
    result<std::string> fetch_token(origin& at, const url& registry, const std::string& repository,
                                    const std::string& scope);

    find_credentials find_;
    exchange perform_;
    network_limits limits_;
    std::map<std::string, origin> origins_;
};

}  // namespace refract::registry
