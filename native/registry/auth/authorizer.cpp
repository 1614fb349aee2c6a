// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/auth/authorizer.h"

#include <algorithm>

#include "base/printable.h"
#include "oci/base64.h"
#include "oci/json.h"
#include "registry/auth/scope.h"
#include "registry/budget.h"
#include "registry/http/url.h"

namespace refract::registry {
namespace {

/// A token is used no later than so long before it expires.
constexpr auto margin = std::chrono::seconds(5);
/// distribution's token authentication: a token without expires_in lives so long.
constexpr auto shortest_life = std::chrono::seconds(60);
constexpr auto longest_life = std::chrono::hours(1);

std::string basic(const credentials& with) {
    return "Authorization: Basic " + oci::encode_base64(with.username + ':' + with.password);
}

std::string bearer(const std::string& token) { return "Authorization: Bearer " + token; }

/// Who is sent to a host without TLS by a redirect has nothing for it: anybody on the way could have named it. Within
/// this machine nobody is on the way.
bool is_withheld(const asker& who) { return !who.is_named && who.at.scheme != "https" && !is_loopback(who.at.host); }

std::string join(const std::vector<std::string>& scopes) {
    std::string joined;
    for (const auto& one : scopes) joined += (joined.empty() ? "" : " ") + one;
    return joined;
}

/// The same scopes have one token, in whatever order they were asked for.
std::string set_of(std::vector<std::string> scopes) {
    std::sort(scopes.begin(), scopes.end());
    return join(scopes);
}

bool is_header_safe(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

struct token_answer {
    std::string value;
    std::chrono::seconds life = shortest_life;
};

result<token_answer> read_token(std::string_view body) {
    static constexpr std::array<std::string_view, 3> keys{"token", "access_token", "expires_in"};
    oci::json_reader reader(limits{}.json_depth);
    simdjson::dom::document document;
    REFRACT_ASSIGN(auto root, reader.read(document, std::as_bytes(std::span(body))));
    token_answer answer;
    std::string_view plain;
    std::string_view oauth;
    std::int64_t life = 0;
    status done = oci::read_object(root, keys, [&](std::size_t key, oci::json_element field) -> status {
        if (key == 0) return oci::read_string(field, plain);
        if (key == 1) return oci::read_string(field, oauth);
        if (field.get(life) != simdjson::SUCCESS) life = 0;
        return {};
    });
    if (done.failed()) return done;
    answer.value = plain.empty() ? oauth : plain;
    if (answer.value.empty()) return error{status_code::malformed, "it has no token"};
    if (!is_header_safe(answer.value))
        return error{status_code::malformed, "its token has characters that no token has"};
    answer.life = std::clamp(std::chrono::seconds(life), shortest_life, std::chrono::seconds(longest_life));
    return answer;
}

using parameters = std::vector<std::pair<std::string_view, std::string>>;

std::string query(const std::string& target, const parameters& all) {
    std::string whole = target;
    for (const auto& [name, value] : all) {
        if (value.empty()) continue;
        whole += whole.find('?') == std::string::npos ? '?' : '&';
        whole += std::string(name) + '=' + escape_url(value);
    }
    return whole;
}

}  // namespace

bool authorizer::knows(const url& host, const std::string& repository) const {
    const auto found = places_.find(key_of(host, repository));
    return found != places_.end() && found->second.is_known;
}

result<const credentials*> authorizer::credentials_of(place& at, const asker& who) {
    static const credentials nobody;
    if (is_withheld(who)) return &nobody;
    if (!at.login) {
        REFRACT_ASSIGN(auto found, find_(who.at, who.repository, deadline_of(who.budget)));
        if (!is_header_safe(found.registry_token)) {
            return error{status_code::malformed,
                         "registrytoken of " + who.at.authority() + " has characters that no token has; log in again"};
        }
        at.login = std::move(found);
    }
    return &*at.login;
}

result<authorizer::standing> authorizer::standing_of(const asker& who) {
    if (is_withheld(who)) return standing::withheld;
    REFRACT_ASSIGN(auto with, credentials_of(place_of(who), who));
    return with->empty() ? standing::none : standing::known;
}

std::string authorizer::unread_for(const asker& who) {
    auto with = credentials_of(place_of(who), who);
    return with.failed() ? std::string() : with.value()->unread;
}

/// Its own first. Where a redirect led, the repository's name of another host says nothing, if it names one itself.
std::vector<std::string> authorizer::scopes_for(const place& at, const asker& who) {
    std::vector<std::string> scopes{scope_of(who.repository)};
    if (at.scopes.empty()) return scopes;
    if (!who.is_named) return at.scopes;
    for (const auto& one : at.scopes) {
        if (one != scopes.front()) scopes.push_back(one);
    }
    return scopes;
}

result<std::optional<std::string>> authorizer::authorization(const asker& who) {
    const auto found = places_.find(key_of(who.at, who.repository));
    if (found == places_.end() || !found->second.asked) return std::optional<std::string>();
    place& at = found->second;
    REFRACT_ASSIGN(auto with, credentials_of(at, who));
    const std::string& as_it_is = with->registry_token;
    if (!as_it_is.empty()) return std::optional(bearer(as_it_is));
    if (at.asked->scheme == challenge::scheme::basic) {
        return with->has_login() ? std::optional(basic(*with)) : std::nullopt;
    }
    const std::vector<std::string> scopes = scopes_for(at, who);
    const auto kept = at.tokens.find(set_of(scopes));
    if (kept != at.tokens.end() && kept->second.expires > clock::now())
        return std::optional(bearer(kept->second.value));
    REFRACT_ASSIGN(auto fetched, fetch_token(at, who, scopes));
    return std::optional(bearer(fetched));
}

result<bool> authorizer::refused(const asker& who, const http_response& response,
                                 const std::optional<std::string>& sent) {
    std::vector<std::string> headers;
    const auto [begin, end] = response.headers.equal_range("www-authenticate");
    for (auto header = begin; header != end; ++header) headers.push_back(header->second);
    auto asked = choose_challenge(headers);
    if (!asked) return false;
    place& at = place_of(who);
    at.is_known = true;
    const bool is_new = !at.asked || at.asked->scheme != asked->scheme;
    // Another request may have fetched a newer one meanwhile: that stays.
    const auto kept = at.tokens.find(set_of(scopes_for(at, who)));
    if (kept != at.tokens.end() && sent == bearer(kept->second.value)) at.tokens.erase(kept);
    add_scopes(at.scopes, read_scopes(asked->scope));
    at.asked = std::move(asked);
    REFRACT_ASSIGN(auto with, credentials_of(at, who));
    if (!with->registry_token.empty()) return sent != bearer(with->registry_token);
    if (at.asked->scheme == challenge::scheme::bearer) return true;
    return with->has_login() && (!sent || is_new);
}

result<authorizer::remedy> authorizer::remedy_for(const asker& who) {
    place& at = place_of(who);
    if (at.probing == probe::under_way) return remedy::wait;
    if ((at.probing == probe::made && !at.asked) || at.is_unreadable) return remedy::none;
    auto with = credentials_of(at, who);
    if (with.failed()) {
        at.is_unreadable = true;
        return std::move(with).take();
    }
    if (with.value()->empty()) return remedy::none;
    if (at.asked) return remedy::again;
    at.probing = probe::under_way;
    return remedy::probe;
}

bool authorizer::is_probing(const url& host, const std::string& repository) const {
    const auto found = places_.find(key_of(host, repository));
    return found != places_.end() && found->second.probing == probe::under_way;
}

void authorizer::end_probe(const url& host, const std::string& repository, bool made) {
    place_of(host, repository).probing = made ? probe::made : probe::never;
}

result<http_response> authorizer::ask_for_token(const place& at, const asker& who, const credentials& secret,
                                                const std::vector<std::string>& scopes) {
    REFRACT_ASSIGN(auto realm, parse_url(at.asked->realm));
    if (who.at.scheme == "https" && realm.scheme != "https") {
        return error{status_code::denied, "it is without TLS, so it gets no credentials"};
    }
    http_request request;
    request.url = realm;
    request.max_bytes = limits_.token_bytes;
    request.deadline = deadline_of(who.budget);
    if (!secret.identity_token.empty()) {  // OAuth2, distribution's "Docker Registry v2 authentication using OAuth2"
        request.form = query("", {{"grant_type", "refresh_token"},
                                  {"service", at.asked->service},
                                  {"scope", join(scopes)},
                                  {"client_id", "refract"},
                                  {"refresh_token", secret.identity_token}})
                           .substr(1);
    } else {
        parameters all{{"account", secret.username}, {"service", at.asked->service}};
        for (const auto& one : scopes) all.emplace_back("scope", one);
        request.url.target = query(request.url.target, all);
        if (secret.has_login()) request.headers.push_back(basic(secret));
    }
    return perform_(request, who.budget);
}

result<std::string> authorizer::fetch_token(place& at, const asker& who, const std::vector<std::string>& scopes) {
    const std::string host = who.at.authority();
    const auto failed = [&](status_code code, std::string_view why) {
        return error{code, "token server " + shown_url(at.asked->realm) + " of " + host + ": " + std::string(why)};
    };
    REFRACT_ASSIGN(auto with, credentials_of(at, who));
    const auto asked_at = clock::now();
    auto came = ask_for_token(at, who, *with, scopes);
    if (came.failed()) return failed(came.why().code, came.why().message);
    const int code = came.value().status;
    if (code == 401 || code == 403) {
        if (!with->empty()) return failed(status_code::denied, "it refuses the credentials for " + host);
        return failed(status_code::denied, is_withheld(who) ? "it wants credentials, and none are sent for " + host +
                                                                  ", to which a redirect without TLS led"
                                                            : "it wants credentials, and there are none for " + host +
                                                                  (with->unread.empty() ? "" : ": ") + with->unread);
    }
    if (code != 200) return failed(status_code::unreachable, "it answers with status " + std::to_string(code));
    auto answer = read_token(came.value().body);
    if (answer.failed()) return failed(status_code::malformed, answer.why().message);
    const std::string value = answer.value().value;
    at.tokens[set_of(scopes)] = {value, asked_at + answer.value().life - margin};
    return value;
}

}  // namespace refract::registry
