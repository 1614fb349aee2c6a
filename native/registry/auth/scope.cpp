// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/auth/scope.h"

#include <algorithm>

#include "base/limits.h"

namespace refract::registry {
namespace {

constexpr lookup_limits most;

/// The piece up to a separator, which is taken off.
std::string_view take_piece(std::string_view& from, char separator) {
    const auto end = std::min(from.find(separator), from.size());
    const auto piece = from.substr(0, end);
    from.remove_prefix(std::min(end + 1, from.size()));
    return piece;
}

bool is_plain(std::string_view scope) {
    return std::all_of(scope.begin(), scope.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

/// "repository:a/b:pull,push" without what changes it; empty if nothing is left.
std::string without_writing(std::string_view scope) {
    const auto colon = scope.rfind(':');
    if (!scope.starts_with("repository") || colon == std::string_view::npos) return std::string(scope);
    std::string_view actions = scope.substr(colon + 1);
    std::vector<std::string_view> kept;
    while (!actions.empty()) {
        std::string_view one = take_piece(actions, ',');
        if (one == "*") one = "pull";
        const bool writes = one == "push" || one == "delete";
        if (!one.empty() && !writes && std::find(kept.begin(), kept.end(), one) == kept.end()) kept.push_back(one);
    }
    if (kept.empty()) return {};
    std::string left(scope.substr(0, colon));
    char separator = ':';
    for (const auto one : kept) {
        left += separator;
        left += one;
        separator = ',';
    }
    return left;
}

}  // namespace

std::string scope_of(const std::string& repository) { return "repository:" + repository + ":pull"; }

std::vector<std::string> read_scopes(std::string_view challenge) {
    std::vector<std::string> read;
    while (!challenge.empty() && read.size() < most.scopes) {
        const auto one = take_piece(challenge, ' ');
        if (one.empty() || one.size() > most.scope_bytes || !is_plain(one)) continue;
        if (std::string scope = without_writing(one); !scope.empty()) read.push_back(std::move(scope));
    }
    return read;
}

void add_scopes(std::vector<std::string>& to, std::vector<std::string> more) {
    for (auto& one : more) {
        if (std::find(to.begin(), to.end(), one) == to.end()) to.push_back(std::move(one));
    }
    if (to.size() > most.scopes) to.erase(to.begin(), to.end() - most.scopes);
}

}  // namespace refract::registry
