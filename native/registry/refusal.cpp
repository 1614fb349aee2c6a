// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/refusal.h"

#include "base/printable.h"
#include "oci/json.h"

namespace refract::registry {
namespace {

/// The registry's own words: "MANIFEST_UNKNOWN: manifest unknown". Whatever it sends, this never fails.
std::string words_of(std::string_view body) {
    simdjson::dom::document document;
    oci::json_reader reader(limits{}.json_depth);
    auto root = reader.read(document, std::as_bytes(std::span(body)));
    if (root.failed()) return {};
    std::string_view code;
    std::string_view message;
    const auto first = root.value()["errors"].at(0);
    if (first["code"].get(code) != simdjson::SUCCESS) code = {};
    if (first["message"].get(message) != simdjson::SUCCESS) message = {};
    std::string words = printable(code, 64);
    if (!message.empty()) words += (words.empty() ? "" : ": ") + printable(message, 200);
    return words;
}

}  // namespace

error refusal_of(const http_response& response, const url& asked, bool had_credentials) {
    const std::string host = asked.authority();
    const std::string words = words_of(response.body);
    const std::string says = words.empty() ? "" : " (" + words + ')';
    switch (response.status) {
        case 404:
            return {status::missing, host + " does not have it" + says};
        case 401:
        case 403:
            return {status::denied, host +
                                        (had_credentials ? " refuses the credentials"
                                                         : " wants credentials, and there are none for it") +
                                        says +
                                        (had_credentials ? ""
                                                         : ": log in with docker login " + host +
                                                               ", or give --username and --password-stdin")};
        case 429:
            return {status::unreachable, host + " says that it is asked too often" + says + ": try again later"};
        case 400:
        case 405:
        case 501:
            // How registries answer that lack a part of the API, such as the list of tags or referrers.
            return {status::unsupported,
                    host + " does not offer this: it answers with status " + std::to_string(response.status) + says};
        default:
            return {status::unreachable, host + " answers with status " + std::to_string(response.status) + says};
    }
}

bool is_passing(const http_response& response) noexcept {
    if (response.ending == http_response::ending::broken) return true;
    const int code = response.status;
    return code == 408 || code == 429 || code == 500 || code == 502 || code == 503 || code == 504;
}

}  // namespace refract::registry
