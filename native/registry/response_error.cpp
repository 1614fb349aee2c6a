// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/response_error.h"

#include "base/printable.h"
#include "oci/json.h"

namespace refract::registry {

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

namespace {

error denial(const std::string& host, const std::string& says, login how) {
    switch (how) {
        case login::used:
            return {status_code::denied, host + " refuses the credentials" + says};
        case login::not_asked_for:
            return {status_code::denied,
                    host + " refuses to answer" + says +
                        ": there are credentials for it, but it asks for none in a way that refract knows"};
        case login::withheld:
            return {status_code::denied,
                    host + " wants credentials" + says + ", and none are sent to where a redirect leads without TLS"};
        case login::unknown:
            return {status_code::denied, host + " refuses to answer" + says};
        case login::none:
            break;
    }
    return {status_code::denied, host + " wants credentials, and there are none for it" + says +
                                     ": log in with docker login " + host +
                                     ", or give --username and --password-stdin"};
}

}  // namespace

error refusal_of(const http_response& response, const url& asked, login how) {
    const std::string host = asked.authority();
    const std::string words = words_of(response.body);
    const std::string says = words.empty() ? "" : " (" + words + ')';
    switch (response.status) {
        case 404:
            return {status_code::missing, host + " does not have it" + says};
        case 401:
        case 403:
            return denial(host, says, how);
        case 429:
            return {status_code::unreachable, host + " says that it is asked too often" + says + ": try again later"};
        case 400:
        case 405:
        case 406:
        case 415:
        case 501:
            // How registries answer that lack a part of the API, such as the list of tags or referrers.
            return {status_code::unsupported,
                    host + " does not offer this: it answers with status " + std::to_string(response.status) + says};
        case 201:
        case 202:
        case 203:
        case 204:
        case 205:
            return {status_code::unsupported, host + " does not offer this: it answers with status " +
                                                  std::to_string(response.status) + ", which brings nothing"};
        default:
            return {status_code::unreachable, host + " answers with status " + std::to_string(response.status) + says};
    }
}

bool is_passing(const http_response& response) noexcept {
    if (response.ending == http_response::ending::broken) return true;
    const int code = response.status;
    return code == 408 || code == 429 || code == 500 || code == 502 || code == 503 || code == 504;
}

}  // namespace refract::registry
