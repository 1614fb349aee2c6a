// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace refract::test {
namespace {

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

/// Waits until there is something to read; false if the server is to end.
bool is_readable(int connection, int stop) {
    std::array<pollfd, 2> both{{{connection, POLLIN, 0}, {stop, POLLIN, 0}}};
    while (::poll(both.data(), both.size(), -1) < 0) {
    }
    return both[1].revents == 0;
}

}  // namespace

std::string server::request::header(const std::string& name) const {
    const auto at = lower(head).find("\r\n" + lower(name) + ": ");
    if (at == std::string::npos) return {};
    const auto begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
}

server::server() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, plain, size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, plain, &size) != 0 || ::pipe2(stop_, O_CLOEXEC) != 0) {
        ADD_FAILURE() << "cannot listen";
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
}

server::~server() {
    ::close(stop_[1]);  // which makes the other end readable, for everybody
    thread_.join();
    for (auto& talk : talks_) talk.join();
    ::close(stop_[0]);
    ::close(listener_);
}

void server::answer(const std::string& beginning, std::vector<reply> replies) {
    const std::lock_guard held(mutex_);
    std::reverse(replies.begin(), replies.end());
    replies_[beginning] = std::move(replies);
}

void server::demand(const std::string& beginning, const std::string& authorization, const std::string& challenge) {
    const std::lock_guard held(mutex_);
    demands_[beginning] = {authorization, challenge};
}

std::vector<server::request> server::asked() const {
    const std::lock_guard held(mutex_);
    return asked_;
}

std::vector<std::string> server::targets() const {
    std::vector<std::string> all;
    for (const auto& one : asked()) all.push_back(one.target);
    return all;
}

void server::forget() {
    const std::lock_guard held(mutex_);
    asked_.clear();
}

void server::serve() {
    while (is_readable(listener_, stop_[0])) {
        const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection >= 0) talks_.emplace_back([this, connection] { talk(connection); });
    }
}

server::reply server::reply_to(const request& asked) {
    const std::lock_guard held(mutex_);
    asked_.push_back(asked);
    const std::pair<std::string, std::string>* demanded = nullptr;
    for (const auto& [beginning, one] : demands_) {
        if (asked.target.starts_with(beginning)) demanded = &one;
    }
    if (demanded != nullptr && asked.header("Authorization") != demanded->first) {
        return {401, "WWW-Authenticate: " + demanded->second + "\r\n", "", false};
    }
    std::vector<reply>* best = nullptr;
    for (auto& [beginning, replies] : replies_) {
        if (asked.target.starts_with(beginning)) best = &replies;  // sorted: a longer one comes later
    }
    if (best == nullptr) return {404, "", "", false};
    reply next = best->back();
    if (best->size() > 1) best->pop_back();
    return next;
}

/// One request to a connection, which says so.
void server::talk(int connection) {
    static constexpr std::string_view end_of_head = "\r\n\r\n";
    std::string text;
    std::array<char, 4096> some{};
    request asked;
    for (std::size_t whole = std::string::npos; text.size() < whole;) {
        if (!is_readable(connection, stop_[0])) break;
        const ssize_t got = ::read(connection, some.data(), some.size());
        if (got <= 0) break;
        text.append(some.data(), static_cast<std::size_t>(got));
        const auto end = text.find(end_of_head);
        if (end == std::string::npos) continue;
        asked.head = text.substr(0, end + 2);
        const std::string length = asked.header("Content-Length");
        whole = end + end_of_head.size() + (length.empty() ? 0 : std::stoul(length));
        asked.body = text.substr(end + end_of_head.size());
    }
    if (!asked.head.empty()) {
        const auto begin = asked.head.find(' ') + 1;
        asked.target = asked.head.substr(begin, asked.head.find(' ', begin) - begin);
        const reply with = reply_to(asked);
        if (with.silent) {
            is_readable(stop_[0], stop_[0]);
        } else {
            const bool head_only = asked.head.starts_with("HEAD ");
            const std::string whole = "HTTP/1.1 " + std::to_string(with.status) + " X\r\nConnection: close\r\n" +
                                      with.headers + "Content-Length: " + std::to_string(with.body.size()) +
                                      "\r\n\r\n" + (head_only ? "" : with.body);
            static_cast<void>(::send(connection, whole.data(), whole.size(), MSG_NOSIGNAL));
        }
    }
    ::close(connection);
}

}  // namespace refract::test
