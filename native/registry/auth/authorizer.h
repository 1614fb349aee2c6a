// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "oci/repository.h"
#include "registry/auth/challenge.h"
#include "registry/auth/credentials.h"
#include "registry/http/transport.h"

namespace refract::registry {

/// Which host is asked, and what for.
struct asker {
    const url& at;
    const std::string& repository;
    bool is_named = true;  ///< the operator named it; if not, a redirect led there
    oci::lookup_budget* budget = nullptr;
};

/// Knows what each host asks for, and keeps what it gave: for each repository of an origin its challenge, its log-in,
/// and a token for each set of scopes, so that a second look-up asks for none of them. One repository's are never used
/// for another, which may have a log-in of its own. Credentials go to the host they are for, and to the token server
/// that this host named; nowhere else. That holds for hosts to which a redirect leads, too: they get their own or none.
class authorizer {
public:
    using find_credentials =
        std::function<result<credentials>(const url& at, const std::string& repository, clock::time_point deadline)>;
    using exchange = std::function<result<http_response>(const http_request&, oci::lookup_budget*)>;

    authorizer(find_credentials find, exchange perform, const network_limits& limits)
        : find_(std::move(find)), perform_(std::move(perform)), limits_(limits) {}

    /// Whether this origin has answered about the repository before, so that it is known what it asks for.
    bool knows(const url& host, const std::string& repository) const;
    /// It answered without asking for anything, or not at all.
    void admitted(const url& host, const std::string& repository) { place_of(host, repository).is_known = true; }

    /// The Authorization line for a request, or none if nothing was asked for yet. May ask a token server.
    result<std::optional<std::string>> authorization(const asker& who);

    /// The host answered 401 to the line that was sent, or to none. True: ask again, with what `authorization` gives.
    result<bool> refused(const asker& who, const http_response& response, const std::optional<std::string>& sent);

    /// Credentials for a host, as far as messages mention them.
    enum class standing { none, known, withheld };
    result<standing> standing_of(const asker& who);
    /// Why there may be credentials that are not known; empty if nothing says so. Of one whose standing is `none`.
    std::string unread_for(const asker& who);

    /// The host did not serve who came without credentials, and asked for none. What may help: to ask its /v2/ for a
    /// challenge, once; to wait for another that does; to ask again, because a challenge is known by now.
    enum class remedy { none, probe, wait, again };
    result<remedy> remedy_for(const asker& who);
    bool is_probing(const url& host, const std::string& repository) const;
    /// `made`: whether the host answered, whatever it was.
    void end_probe(const url& host, const std::string& repository, bool made);

private:
    struct token {
        std::string value;
        clock::time_point expires;
    };
    enum class probe { never, under_way, made };
    /// A repository of an origin.
    struct place {
        bool is_known = false;
        probe probing = probe::never;
        std::optional<challenge> asked;
        std::optional<credentials> login;
        bool is_unreadable = false;           ///< its credentials are not available
        std::vector<std::string> scopes;      ///< that challenges named
        std::map<std::string, token> tokens;  ///< by set of scopes
    };
    using place_key = std::pair<std::string, std::string>;  ///< origin and repository

    static place_key key_of(const url& host, const std::string& repository) { return {host.origin(), repository}; }
    place& place_of(const url& host, const std::string& repository) { return places_[key_of(host, repository)]; }
    place& place_of(const asker& who) { return place_of(who.at, who.repository); }
    result<const credentials*> credentials_of(place& at, const asker& who);
    static std::vector<std::string> scopes_for(const place& at, const asker& who);
    result<std::string> fetch_token(place& at, const asker& who, const std::vector<std::string>& scopes);
    result<http_response> ask_for_token(const place& at, const asker& who, const credentials& secret,
                                        const std::vector<std::string>& scopes);

    find_credentials find_;
    exchange perform_;
    network_limits limits_;
    std::map<place_key, place> places_;
};

}  // namespace refract::registry
