// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/pages.h"

#include <algorithm>

#include "base/printable.h"
#include "oci/digest.h"
#include "oci/image_name.h"
#include "oci/json.h"
#include "registry/auth/challenge.h"
#include "registry/response_error.h"

namespace refract::registry {
namespace {

/// Without parameters, which document types do not have.
std::string media_type_of(const http_response& response) {
    std::string type = response.header("content-type");
    type.resize(std::min(type.size(), type.find_first_of("; \t")));
    return type;
}

/// What came where a list should: something that says that there is no such list.
error no_list(std::string_view host, const http_response& response, std::string_view what) {
    const std::string words = words_of(response.body);
    std::string_view body = response.body;
    body.remove_prefix(std::min(body.find_first_not_of(" \t\r\n"), body.size()));
    const std::string type = media_type_of(response);
    const std::string came = body.empty()                                 ? "an empty body"
                             : !words.empty()                             ? "an error of its own, " + words
                             : body.front() == '<' || type == "text/html" ? "a page of HTML"
                             : body.front() == '{' || body.front() == '[' ? "JSON that is none"
                                                                          : "bytes that are none";
    return {status_code::unsupported, std::string(host) + " does not offer this: where " + std::string(what) +
                                          " should be, it answers with " + came};
}

/// An object with that member.
status check_list(const delivery& brought, std::string_view member, std::string_view what) {
    const std::string_view body = brought.response.body;
    oci::json_reader reader(limits{}.json_depth);
    simdjson::dom::document document;
    auto root = reader.read(document, std::as_bytes(std::span(body)));
    const auto first = body.find_first_not_of(" \t\r\n");
    if (root.failed() && first != body.npos && body[first] == '{') return std::move(root).take();
    if (root.failed() || root.value()[member].error() != simdjson::SUCCESS) {
        return no_list(brought.from.authority(), brought.response, what);
    }
    return {};
}

/// distribution-spec, "Listing Tags".
status read_tags(std::string_view body, const oci::fetch_request& question, oci::fetch_response& into,
                 const network_limits& limits) {
    static constexpr std::array<std::string_view, 2> keys{"name", "tags"};
    oci::json_reader reader(refract::limits{}.json_depth);
    simdjson::dom::document document;
    REFRACT_ASSIGN(auto root, reader.read(document, std::as_bytes(std::span(body))));
    return oci::read_object(root, keys, [&](std::size_t key, oci::json_element field) -> status {
        if (key == 0) return {};
        return oci::read_array(field, [&](oci::json_element element) -> status {
            if (into.tags.size() >= question.most) return {};
            if (++into.tags_seen > limits.tags) {
                return {status_code::limit_exceeded,
                        "it lists more tags than the limit of " + std::to_string(limits.tags)};
            }
            std::string_view tag;
            REFRACT_TRY(oci::read_string(element, tag));
            if (!oci::is_tag(tag)) return {};  // some list what nobody can ask for
            const std::string_view before =
                into.last_tag.empty() ? std::string_view(question.reference) : std::string_view(into.last_tag);
            into.sorted = into.sorted && (before.empty() || before < tag);
            into.last_tag = tag;
            if (!question.keeps || question.keeps(tag)) into.tags.emplace_back(tag);
            return {};
        });
    });
}

/// Whether no later page can hold a tag that is asked for, or enough have come.
bool is_past(const oci::fetch_request& question, const oci::fetch_response& answer) {
    if (answer.tags.size() >= question.most) return true;
    return answer.sorted && !question.prefix.empty() &&
           std::string_view(answer.last_tag).substr(0, question.prefix.size()) > question.prefix;
}

/// An encoded dot in the path: two of them are ".." to some servers, and were not taken for that here.
bool has_encoded_dots(std::string_view target) {
    std::string path(target.substr(0, target.find('?')));
    for (char& c : path) c = c == 'E' ? 'e' : c;
    return path.find("%2e") != std::string::npos;
}

/// A manifest that was asked for by tag has whatever bytes it has; but a registry that names another digest than they
/// have is broken, or lies.
status check_digest(const oci::fetch_request& question, const http_response& response, oci::fetch_response& into) {
    const auto bytes = std::as_bytes(std::span(response.body));
    oci::digest_algorithm algorithm{};
    if (oci::parse_digest(question.reference, algorithm)) return oci::verify_digest(question.reference, bytes);
    const std::string said = response.header("docker-content-digest");
    if (said.empty()) return {};
    if (!oci::parse_digest(said, algorithm)) {
        return {status_code::malformed, "the registry names a malformed digest for it, " + quote(said)};
    }
    if (algorithm == oci::digest_algorithm::other) return {};
    status done = oci::verify_digest(said, bytes).in("the registry names another digest than its bytes have");
    if (done.ok() && algorithm == oci::digest_algorithm::sha256) into.digest = said;
    return done;
}

}  // namespace

result<std::optional<std::string>> add_page(const oci::fetch_request& question, const job& asked, delivery&& brought,
                                            oci::fetch_response& into, std::uint32_t page,
                                            const network_limits& limits) {
    std::optional<std::string> none;
    http_response& response = brought.response;
    switch (question.what) {
        case oci::fetch_request::kind::presence:
            return none;
        case oci::fetch_request::kind::manifest:
        case oci::fetch_request::kind::blob:
            REFRACT_TRY(check_digest(question, response, into));
            into.etag = response.header("etag");
            into.media_type = media_type_of(response);
            into.documents.push_back(std::move(response.body));
            return none;
        case oci::fetch_request::kind::referrers:
            REFRACT_TRY(check_list(brought, "manifests", "an index of referrers"));
            into.documents.push_back(std::move(response.body));
            break;
        case oci::fetch_request::kind::tags:
            if (page == 0) into.sorted = true;
            REFRACT_TRY(check_list(brought, "tags", "a list of tags"));
            REFRACT_TRY(read_tags(response.body, question, into, limits));
            if (is_past(question, into)) return none;
            break;
    }
    std::optional<std::string> link;
    const auto [begin, end] = response.headers.equal_range("link");
    for (auto header = begin; header != end && !link; ++header) link = next_link(header->second);
    if (!link) return none;
    auto next = resolve_url(brought.from, *link);
    if (next.failed()) return error{status_code::malformed, "its next page is nowhere: " + next.why().message};
    if (next.value().origin() != brought.from.origin()) {
        return error{status_code::denied,
                     "its next page is at another host, " + next.value().authority() + ", which is refused"};
    }
    // What precedes the job's target is the host's own path.
    const std::string& here = brought.from.target;
    const auto prefix = here.substr(0, here.size() - asked.target.size());
    if (!next.value().target.starts_with(prefix + '/') || has_encoded_dots(next.value().target)) {
        return error{status_code::denied, "its next page is outside of the registry's own path"};
    }
    if (next.value().target == here) return error{status_code::malformed, "its next page is the same again"};
    if (page + 1 >= limits.pages) {
        return error{status_code::limit_exceeded,
                     "it has more pages than the limit of " + std::to_string(limits.pages)};
    }
    return std::optional(next.value().target.substr(prefix.size()));
}

}  // namespace refract::registry
