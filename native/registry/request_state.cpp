// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/request_state.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/printable.h"

namespace refract::registry {

bool is_redirect(const http_response& response) {
    const int code = response.status;
    return code == 301 || code == 302 || code == 303 || code == 307 || code == 308;
}

result<url> follow(const url& from, const http_response& response, unsigned redirects, const network_limits& limits) {
    if (redirects > limits.redirects) {
        return error{status_code::limit_exceeded,
                     from.authority() + " redirects once more after " + std::to_string(limits.redirects) + " times"};
    }
    const std::string location = response.header("location");
    auto next = resolve_url(from, location);
    if (next.failed()) {
        return error{status_code::malformed, from.authority() + " redirects to nowhere: " + next.why().message};
    }
    if (from.scheme == "https" && next.value().scheme != "https") {
        return error{status_code::denied,
                     from.authority() + " redirects to " + next.value().authority() + " without TLS, which is refused"};
    }
    return next;
}

result<std::chrono::milliseconds> pause_before(unsigned tries, const http_response& response,
                                               const network_limits& limits) {
    const std::chrono::milliseconds longest(limits.longest_retry_after);
    if (response.retry_after > std::chrono::duration_cast<std::chrono::seconds>(longest)) {  // it may overflow as ms
        return error{status_code::unreachable, "it asks to come back in " +
                                                   std::to_string(response.retry_after.count()) +
                                                   " s, which is longer than the limit of " +
                                                   std::to_string(limits.longest_retry_after / 1000) + " s"};
    }
    return std::max(std::chrono::milliseconds(response.retry_after),
                    std::chrono::milliseconds(std::uint64_t{limits.first_backoff} << tries));
}

session::request_state::request_state(const job& job, std::span<host> hosts, authorizer& authorizer,
                                      silent_hosts& silent, const network_limits& limits)
    : job_(job), hosts_(hosts), authorizer_(authorizer), silent_(silent), limits_(limits) {
    go_to(0);
}

session::request_state::~request_state() { end_probe(false); }

std::size_t session::request_state::next_host(std::size_t number) const {
    while (number < hosts_.size() && (!(hosts_[number].*job_.capability) || job_.only.value_or(number) != number)) {
        ++number;
    }
    return number;
}

void session::request_state::go_to(std::size_t number) {
    tries_ = challenges_ = 0;
    number_ = next_host(number);
    if (number_ >= hosts_.size()) {
        done_ = error{status_code::unsupported, "no host of this registry may be asked for it" +
                                                    (mirrors_.empty() ? std::string() : ": " + mirrors_)};
        return;
    }
    auto parsed = parse_url(at().scheme + "://" + at().host + at().path + job_.target);
    if (parsed.failed()) {
        done_ = std::move(parsed).take();
        return;
    }
    base_ = std::move(parsed).value();
    begin();
}

void session::request_state::begin() {
    redirects_ = 0;
    challenged_ = false;
    current_ = base_;
    if (!at().is_mirror) return;
    current_.target += current_.target.find('?') == std::string::npos ? "?ns=" : "&ns=";
    current_.target += escape_url(job_.registry);
}

void session::request_state::give_up(error why) {
    authorizer_.admitted(base_, job_.repository);  // others need not wait for what it asks for
    // Who served the image and has nothing besides has answered what is optional: hosts behind it need not.
    const bool answered = job_.budget != nullptr && why.code == status_code::missing && job_.served == number_;
    const bool final =
        answered || why.code == status_code::cancelled || why.code == status_code::invalid_argument || delivered_ > 0;
    const std::size_t next = next_host(number_ + 1);
    if (final || next >= hosts_.size()) return end(std::move(why));
    mirrors_ += (mirrors_.empty() ? "" : "; ") + why.message;
    go_to(next);
}

void session::request_state::end(error why) {
    if (!mirrors_.empty()) why.message += " (before that: " + shortened(mirrors_, 600) + ')';
    done_ = std::move(why);
}

void session::request_state::cancel() {
    if (!done_) done_ = error{status_code::cancelled, "cancelled"};
}

status session::request_state::add_authorization() {
    sent_.reset();
    // Where a redirect leads there may be a signature in the URL, beside which nothing else is taken.
    if (probing_ || (!is_at_base() && !challenged_)) return {};
    REFRACT_ASSIGN(auto authorization, authorizer_.authorization(who()));
    sent_ = std::move(authorization);
    if (sent_) request_.headers.push_back(*sent_);
    return {};
}

const http_request* session::request_state::prepare() {
    if (waiting_) {
        resume();
        if (done_) return nullptr;
    }
    request_ = {};
    request_.url = current_;
    request_.head = job_.head && !probing_;
    request_.max_bytes = probing_ ? limits_.error_bytes : job_.max_bytes;
    request_.left = probing_ ? nullptr : job_.left;
    request_.deadline = deadline();
    request_.dial_timeout = at().dial_timeout_ms.value_or(0);
    if (!job_.accept.empty() && !probing_) request_.headers.push_back("Accept: " + job_.accept);
    if (is_at_base()) {
        request_.tls = {at().ca_files, at().client_certificates, at().skip_verify};
        for (const auto& [name, value] : at().headers) {
            std::string& line = request_.headers.emplace_back(name);
            line.append(": ").append(value);
        }
    }
    status may = job_.budget == nullptr ? status{} : silent_.check(current_);
    if (may.ok()) may = add_authorization();
    bool has_means = true;
    if (may.ok()) {
        may = spend(job_.budget);
        has_means = may.ok();
    }
    if (may.failed()) {
        end_probe(false);
        error why = refusal_ ? *std::exchange(refusal_, std::nullopt) : std::move(may).take();
        if (has_means) {
            give_up(std::move(why));
        } else {
            authorizer_.admitted(base_, job_.repository);
            end(std::move(why));
        }
        return nullptr;
    }
    placed_ = false;
    if (delivered_ > 0 && !whole_) request_.headers.push_back("Range: bytes=" + std::to_string(delivered_) + '-');
    if (job_.sink && !probing_) {
        request_.sink = [this](const http_response& response, std::span<const std::byte> bytes) {
            return take_bytes(response, bytes);
        };
    }
    begun_ = clock::now();
    under_way_ = true;
    return &request_;
}

status session::request_state::take_bytes(const http_response& response, std::span<const std::byte> bytes) {
    if (!placed_) {
        placed_ = true;
        position_ = 0;
        if (response.status == 206) {
            const std::string range = response.header("content-range");
            static constexpr std::string_view unit = "bytes ";
            const char* const begin = range.data() + std::min(unit.size(), range.size());
            const auto [end, code] = std::from_chars(begin, range.data() + range.size(), position_);
            if (!range.starts_with(unit) || code != std::errc{} || end == begin || position_ > delivered_) {
                return {status_code::unreachable,
                        current_.authority() + " goes on at another place than it was asked for: " + quote(range, 80)};
            }
        }
    }
    // A server that knows no ranges begins anew: what is there already is skipped.
    const std::uint64_t skipped = std::min<std::uint64_t>(delivered_ - std::min(position_, delivered_), bytes.size());
    position_ += bytes.size();
    const auto fresh = bytes.subspan(skipped);
    if (fresh.empty()) return {};
    status done = job_.sink(fresh);
    delivered_ += fresh.size();
    return done;
}

void session::request_state::step(result<http_response> came) {
    under_way_ = false;
    if (came.failed()) {
        if (delivered_ == 0) silent_.note(current_.origin(), came.why(), begun_, deadline());
    } else if (came.value().ending == http_response::ending::answered) {
        silent_.forget(current_.origin());
    }
    if (probing_) return take_probe(came);
    if (came.failed()) {
        error why = std::move(came).take();
        const bool about_host = why.code == status_code::unreachable || why.code == status_code::unsupported;
        if (about_host) why.message = current_.authority() + ": " + why.message;
        return give_up(std::move(why));
    }
    http_response response = std::move(came).value();
    if (response.ending == http_response::ending::not_tls) {
        if (at().http_fallback && at().scheme == "https" && is_at_base()) {
            at().scheme = "http";
            return go_to(number_);
        }
        return give_up({status_code::unreachable, current_.authority() + " does not speak TLS as it should (" +
                                                      response.body + "): if it has none, say --plain-http"});
    }
    whole_ = whole_ || response.encoded;
    if (is_passing(response)) return retry(response);
    if (is_redirect(response)) return redirect(response);
    if (response.status == 401) return authenticate(response);
    if (response.status == 200 || (response.status == 206 && delivered_ > 0)) return deliver(std::move(response));
    refuse(response);
}

void session::request_state::deliver(http_response response) {
    authorizer_.admitted(base_, job_.repository);
    done_ = delivery{std::move(response), base_, number_};
}

void session::request_state::retry(const http_response& response) {
    const bool broken = response.ending == http_response::ending::broken;
    error why = broken ? error{status_code::unreachable, current_.authority() + ": " + response.body}
                       : refusal_of(response, current_, login::unknown);
    if (job_.budget != nullptr) return give_up(std::move(why));
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

void session::request_state::redirect(const http_response& response) {
    auto next = follow(current_, response, ++redirects_, limits_);
    if (next.failed()) return give_up(std::move(next).take());
    if (is_at_base()) authorizer_.admitted(base_, job_.repository);
    if (next.value().origin() != current_.origin()) challenged_ = false;
    current_ = std::move(next).value();
}

void session::request_state::authenticate(const http_response& response) {
    auto again = authorizer_.refused(who(), response, sent_);
    if (again.failed()) return give_up(std::move(again).take());
    // Each host on the way may ask for credentials and refuse a token that has become old.
    if (!again.value() || ++challenges_ > 2 * (redirects_ + 1)) return refuse(response);
    challenged_ = true;
}

void session::request_state::refuse(const http_response& response) {
    const int code = response.status;
    const bool about_who = code == 401 || code == 403;
    login how = sent_ ? login::used : login::unknown;
    // Content networks say 403 to what a URL allows no more: who asks does not matter there.
    if (!sent_ && about_who && (is_at_base() || code == 401)) {
        auto standing = authorizer_.standing_of(who());
        if (standing.failed()) return give_up(std::move(standing).take());
        how = standing.value() == authorizer::standing::none    ? login::none
              : standing.value() == authorizer::standing::known ? login::not_asked_for
                                                                : login::withheld;
    }
    error why = refusal_of(response, current_, how);
    if (how == login::none) {
        if (const std::string unread = authorizer_.unread_for(who()); !unread.empty()) why.message += "; " + unread;
    }
    if (sent_ || !is_at_base() || !(about_who || code == 404 || code == 400)) return give_up(std::move(why));
    // That there is nothing may only be what it tells those that it does not know.
    auto remedy = authorizer_.remedy_for(who());
    if (remedy.failed()) return give_up(std::move(why));
    switch (remedy.value()) {
        case authorizer::remedy::none:
            return give_up(std::move(why));
        case authorizer::remedy::probe:
            return begin_probe(std::move(why));
        case authorizer::remedy::wait:
            waiting_ = true;
            refusal_ = std::move(why);
            return;
        case authorizer::remedy::again:
            if (++challenges_ > 2) return give_up(std::move(why));
            return begin();
    }
}

void session::request_state::begin_probe(error why) {
    static constexpr std::string_view api = "/v2";
    probing_ = true;
    refusal_ = std::move(why);
    current_ = base_;
    current_.target = (at().path.ends_with(api) ? at().path : std::string(api)) + '/';
}

void session::request_state::end_probe(bool made) {
    if (!std::exchange(probing_, false)) return;
    authorizer_.end_probe(base_, job_.repository, made);
}

void session::request_state::take_probe(const result<http_response>& came) {
    end_probe(came.ok());
    error why = *std::exchange(refusal_, std::nullopt);
    if (came.failed() || came.value().status != 401) return give_up(std::move(why));
    auto again = authorizer_.refused(who(), came.value(), std::nullopt);
    if (again.failed() || !again.value()) return give_up(std::move(why));
    ++challenges_;
    begin();
}

void session::request_state::resume() {
    waiting_ = false;
    error why = *std::exchange(refusal_, std::nullopt);
    const auto remedy = authorizer_.remedy_for(who());
    if (remedy.failed() || remedy.value() == authorizer::remedy::none) return give_up(std::move(why));
    if (remedy.value() == authorizer::remedy::probe) return begin_probe(std::move(why));
    ++challenges_;
    begin();
}

}  // namespace refract::registry
