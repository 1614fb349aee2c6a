// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/pursuit.h"

#include <algorithm>
#include <charconv>

#include "base/printable.h"

namespace refract::registry {

bool is_redirect(const http_response& response) {
    const int code = response.status;
    return code == 301 || code == 302 || code == 303 || code == 307 || code == 308;
}

result<url> follow(const url& from, const http_response& response, unsigned redirects, const network_limits& limits) {
    if (redirects > limits.redirects) {
        return error{status::limit_exceeded,
                     from.authority() + " redirects once more after " + std::to_string(limits.redirects) + " times"};
    }
    const std::string location = response.header("location");
    auto next = resolve_url(from, location);
    if (next.failed()) {
        return error{status::malformed, from.authority() + " redirects to nowhere: " + next.why().message};
    }
    if (from.scheme == "https" && next.value().scheme != "https") {
        return error{status::denied,
                     from.authority() + " redirects to " + next.value().authority() + " without TLS, which is refused"};
    }
    return next;
}

result<std::chrono::milliseconds> pause_before(unsigned tries, const http_response& response,
                                               const network_limits& limits) {
    const std::chrono::milliseconds longest(limits.longest_retry_after);
    if (response.retry_after > std::chrono::duration_cast<std::chrono::seconds>(longest)) {  // it may overflow as ms
        return error{status::unreachable, "it asks to come back in " + std::to_string(response.retry_after.count()) +
                                              " s, which is longer than the limit of " +
                                              std::to_string(limits.longest_retry_after / 1000) + " s"};
    }
    return std::max(std::chrono::milliseconds(response.retry_after),
                    std::chrono::milliseconds(std::uint64_t{limits.first_backoff} << tries));
}

session::pursuit::pursuit(const job& job, std::span<host> hosts, authorizer& authorizer, const network_limits& limits)
    : job_(job), hosts_(hosts), authorizer_(authorizer), limits_(limits) {
    go_to(0);
}

void session::pursuit::go_to(std::size_t number) {
    tries_ = challenges_ = 0;
    for (number_ = number; number_ < hosts_.size(); ++number_) {
        if (!(at().*job_.capability)) continue;
        auto parsed = parse_url(at().scheme + "://" + at().host + at().path + job_.target);
        if (parsed.failed()) {
            done_ = std::move(parsed).take();
            return;
        }
        base_ = std::move(parsed).value();
        begin();
        return;
    }
    done_ = error{status::unsupported, "no host of this registry may be asked for it" +
                                           (mirrors_.empty() ? std::string() : ": " + mirrors_)};
}

void session::pursuit::begin() {
    redirects_ = 0;
    current_ = base_;
    if (!at().is_mirror) return;
    current_.target += current_.target.find('?') == std::string::npos ? "?ns=" : "&ns=";
    current_.target += escape_url(job_.registry);
}

void session::pursuit::give_up(error why) {
    authorizer_.admitted(base_);  // others need not wait for what it asks for
    const bool final = why.code == status::cancelled || why.code == status::invalid_argument || delivered_ > 0;
    std::size_t next = number_ + 1;
    while (next < hosts_.size() && !(hosts_[next].*job_.capability)) ++next;
    if (final || next >= hosts_.size()) {
        if (!mirrors_.empty()) why.message += " (before that: " + shortened(mirrors_, 600) + ')';
        done_ = std::move(why);
        return;
    }
    mirrors_ += (mirrors_.empty() ? "" : "; ") + why.message;
    go_to(next);
}

void session::pursuit::cancel() {
    if (!done_) done_ = error{status::cancelled, "cancelled"};
}

const http_request* session::pursuit::prepare() {
    request_ = {};
    request_.url = current_;
    request_.head = job_.head;
    request_.max_bytes = job_.max_bytes;
    request_.left = job_.left;
    request_.tls = {at().ca_files, at().client_certificates, at().skip_verify};
    request_.dial_timeout = at().dial_timeout_ms.value_or(0);
    if (!job_.accept.empty()) request_.headers.push_back("Accept: " + job_.accept);
    authorized_ = false;
    if (is_at_base()) {
        for (const auto& [name, value] : at().headers) {
            std::string& line = request_.headers.emplace_back(name);
            line.append(": ").append(value);
        }
        auto authorization = authorizer_.authorization(base_, job_.repository);
        if (authorization.failed()) {
            give_up(std::move(authorization).take());
            return nullptr;
        }
        if (authorization.value()) {
            request_.headers.push_back(*authorization.value());
            authorized_ = true;
        }
    } else {
        request_.tls = {};  // those are for the registry's own host
    }
    placed_ = false;
    if (delivered_ > 0) request_.headers.push_back("Range: bytes=" + std::to_string(delivered_) + '-');
    if (job_.sink) {
        request_.sink = [this](const http_response& response, std::span<const std::byte> bytes) {
            return take_bytes(response, bytes);
        };
    }
    under_way_ = true;
    return &request_;
}

outcome session::pursuit::take_bytes(const http_response& response, std::span<const std::byte> bytes) {
    if (!placed_) {
        placed_ = true;
        position_ = 0;
        if (response.status == 206) {
            const std::string range = response.header("content-range");
            static constexpr std::string_view unit = "bytes ";
            const char* const begin = range.data() + std::min(unit.size(), range.size());
            const auto [end, code] = std::from_chars(begin, range.data() + range.size(), position_);
            if (!range.starts_with(unit) || code != std::errc{} || end == begin || position_ > delivered_) {
                return {status::unreachable,
                        current_.authority() + " goes on at another place than it was asked for: " + quoted(range, 80)};
            }
        }
    }
    // A server that knows no ranges begins anew: what is there already is skipped.
    const std::uint64_t skipped = std::min<std::uint64_t>(delivered_ - std::min(position_, delivered_), bytes.size());
    position_ += bytes.size();
    const auto fresh = bytes.subspan(skipped);
    if (fresh.empty()) return {};
    outcome done = job_.sink(fresh);
    delivered_ += fresh.size();
    return done;
}

void session::pursuit::step(result<http_response> came) {
    under_way_ = false;
    if (came.failed()) {
        error why = std::move(came).take();
        if (why.code == status::unreachable) why.message = current_.authority() + ": " + why.message;
        return give_up(std::move(why));
    }
    http_response response = std::move(came).value();
    if (response.ending == http_response::ending::not_tls) {
        if (at().http_fallback && at().scheme == "https" && is_at_base()) {
            at().scheme = "http";
            return go_to(number_);
        }
        return give_up({status::unreachable, current_.authority() + " does not speak TLS as it should (" +
                                                 response.body + "): if it has none, say --plain-http"});
    }
    if (is_passing(response)) return retry(response);
    if (is_redirect(response)) return redirect(response);
    if (response.status == 401 && is_at_base()) return authenticate(response);
    if (is_at_base()) authorizer_.admitted(base_);
    if (response.status == 200 || (response.status == 206 && delivered_ > 0)) return deliver(std::move(response));
    give_up(refusal_of(response, current_, authorized_ || authorizer_.has_credentials(base_)));
}

void session::pursuit::deliver(http_response response) { done_ = delivery{std::move(response), base_}; }

void session::pursuit::retry(const http_response& response) {
    const bool broken = response.ending == http_response::ending::broken;
    error why = broken ? error{status::unreachable, current_.authority() + ": " + response.body}
                       : refusal_of(response, current_, authorized_);
    if (tries_ >= limits_.retries) {
        why.message += " (tried " + std::to_string(tries_ + 1) + " times)";
        return give_up(std::move(why));
    }
    auto pause = pause_before(tries_++, response, limits_);
    if (pause.failed()) {
        why.message += ", and " + pause.why().message;
        return give_up(std::move(why));
    }
    not_before_ = clock::now() + pause.value();
    begin();
}

void session::pursuit::redirect(const http_response& response) {
    auto next = follow(current_, response, ++redirects_, limits_);
    if (next.failed()) return give_up(std::move(next).take());
    if (is_at_base()) authorizer_.admitted(base_);
    current_ = std::move(next).value();
}

void session::pursuit::authenticate(const http_response& response) {
    auto again = authorizer_.refused(base_, job_.repository, response, authorized_);
    if (again.failed()) return give_up(std::move(again).take());
    if (again.value() && ++challenges_ <= 2) {
        begin();
        return;
    }
    give_up(refusal_of(response, current_, authorized_));
}

}  // namespace refract::registry
