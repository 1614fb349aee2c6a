// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/authorizer.h"

#include <algorithm>

#include "base/printable.h"
#include "oci/base64.h"
#include "oci/json.h"
#include "registry/url.h"

namespace refract::registry {
namespace {

/// A token is used no later than so long before it expires.
constexpr auto margin = std::chrono::seconds(5);
/// distribution's token authentication: a token without expires_in lives so long.
constexpr auto shortest_life = std::chrono::seconds(60);
constexpr auto longest_life = std::chrono::hours(1);

std::string scope_of(const std::string& repository) { return "repository:" + repository + ":pull"; }

std::string basic(const credentials& with) {
    return "Authorization: Basic " + oci::encode_base64(with.username + ':' + with.password);
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
    auto root = reader.read(document, std::as_bytes(std::span(body)));
    if (root.failed()) return std::move(root).take();
    token_answer answer;
    std::string_view plain;
    std::string_view oauth;
    std::int64_t life = 0;
    outcome done = oci::read_object(root.value(), keys, [&](std::size_t key, oci::json_element field) -> outcome {
        if (key == 0) return oci::read_string(field, plain);
        if (key == 1) return oci::read_string(field, oauth);
        if (field.get(life) != simdjson::SUCCESS) life = 0;
        return {};
    });
    if (done.failed()) return done;
    answer.value = plain.empty() ? oauth : plain;
    if (answer.value.empty()) return error{status::malformed, "it has no token"};
    if (!is_header_safe(answer.value)) return error{status::malformed, "its token has characters that no token has"};
    answer.life = std::clamp(std::chrono::seconds(life), shortest_life, std::chrono::seconds(longest_life));
    return answer;
}

std::string query(const std::string& target, const std::vector<std::pair<std::string_view, std::string>>& parameters) {
    std::string whole = target;
    for (const auto& [name, value] : parameters) {
        if (value.empty()) continue;
        whole += whole.find('?') == std::string::npos ? '?' : '&';
        whole += std::string(name) + '=' + escape_url(value);
    }
    return whole;
}

}  // namespace

result<const credentials*> authorizer::credentials_of(origin& at, const url& registry, const std::string& repository) {
    if (!at.known) {
        auto found = find_(registry, repository);
        if (found.failed()) return std::move(found).take();
        at.known = std::move(found).value();
    }
    return &*at.known;
}

bool authorizer::has_credentials(const url& registry) const {
    const auto found = origins_.find(registry.origin());
    return found != origins_.end() && found->second.known && !found->second.known->empty();
}

result<std::optional<std::string>> authorizer::authorization(const url& registry, const std::string& repository) {
    const auto found = origins_.find(registry.origin());
    if (found == origins_.end() || !found->second.asked) return std::optional<std::string>();
    origin& at = found->second;
    if (at.asked->scheme == challenge::scheme::basic) {
        auto with = credentials_of(at, registry, repository);
        if (with.failed()) return std::move(with).take();
        if (with.value()->username.empty() && with.value()->password.empty()) return std::optional<std::string>();
        return std::optional(basic(*with.value()));
    }
    const std::string scope = scope_of(repository);
    const auto kept = at.tokens.find(scope);
    if (kept != at.tokens.end() && kept->second.expires > clock::now()) {
        return std::optional("Authorization: Bearer " + kept->second.value);
    }
    auto fetched = fetch_token(at, registry, repository, scope);
    if (fetched.failed()) return std::move(fetched).take();
    return std::optional("Authorization: Bearer " + fetched.value());
}

result<bool> authorizer::refused(const url& registry, const std::string& repository, const http_response& response,
                                 bool had_authorization) {
    std::vector<std::string> headers;
    const auto [begin, end] = response.headers.equal_range("www-authenticate");
    for (auto header = begin; header != end; ++header) headers.push_back(header->second);
    auto asked = choose_challenge(headers);
    if (!asked) return false;
    origin& at = origins_[registry.origin()];
    const bool had_token = at.tokens.erase(scope_of(repository)) > 0;
    const bool is_new = !at.asked || at.asked->scheme != asked->scheme;
    at.asked = std::move(asked);
    if (had_authorization && !is_new && !had_token) return false;
    if (at.asked->scheme == challenge::scheme::bearer) return true;
    auto with = credentials_of(at, registry, repository);
    if (with.failed()) return std::move(with).take();
    return !had_authorization && !with.value()->empty();
}

result<std::string> authorizer::fetch_token(origin& at, const url& registry, const std::string& repository,
                                            const std::string& scope) {
    const auto failed = [&](status code, std::string_view why) {
        return error{code, "token server " + shown_url(at.asked->realm) + " of " + registry.authority() + ": " +
                               std::string(why)};
    };
    auto realm = parse_url(at.asked->realm);
    if (realm.failed()) return failed(realm.why().code, realm.why().message);
    if (registry.scheme == "https" && realm.value().scheme != "https") {
        return failed(status::denied, "it is without TLS, so it gets no credentials");
    }
    auto with = credentials_of(at, registry, repository);
    if (with.failed()) return std::move(with).take();
    const credentials& secret = *with.value();

    http_request request;
    request.url = realm.value();
    request.max_bytes = limits_.token_bytes;
    if (!secret.identity_token.empty()) {  // OAuth2, distribution's "Docker Registry v2 authentication using OAuth2"
        request.form = query("", {{"grant_type", "refresh_token"},
                                  {"service", at.asked->service},
                                  {"scope", scope},
                                  {"client_id", "refract"},
                                  {"refresh_token", secret.identity_token}})
                           .substr(1);
    } else {
        request.url.target =
            query(request.url.target, {{"account", secret.username}, {"service", at.asked->service}, {"scope", scope}});
        if (!secret.username.empty() || !secret.password.empty()) request.headers.push_back(basic(secret));
    }
    const auto asked_at = clock::now();
    auto came = perform_(request);
    if (came.failed()) return failed(came.why().code, came.why().message);
    const int code = came.value().status;
    if (code == 401 || code == 403) {
        return failed(status::denied, secret.empty()
                                          ? "it wants credentials, and there are none for " + registry.authority()
                                          : "it refuses the credentials for " + registry.authority());
    }
    if (code != 200) return failed(status::unreachable, "it answers with status " + std::to_string(code));
    auto answer = read_token(came.value().body);
    if (answer.failed()) return failed(status::malformed, answer.why().message);
    const std::string value = answer.value().value;
    at.tokens[scope] = {value, asked_at + answer.value().life - margin};
    return value;
}

}  // namespace refract::registry
