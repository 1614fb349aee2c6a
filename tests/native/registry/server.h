// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace refract::test {

/// A server on loopback that answers as it was told, and keeps what it was asked. For what must misbehave; real
/// registries are asked in tests/requests.
class server {
public:
    struct request {
        std::string target;
        std::string head;  ///< the request line and all headers
        std::string body;

        /// Of the header of that name; empty if there is none.
        std::string header(const std::string& name) const;
    };
    struct reply {
        int status = 200;
        std::string headers;  ///< whole lines, each with its end
        std::string body;
        bool silent = false;  ///< nothing is answered, until the server goes away
    };

    server();
    server(const server&) = delete;
    server& operator=(const server&) = delete;
    ~server();

    std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
    std::string url(const std::string& path = "") const { return "http://" + host() + path; }

    /// How requests are answered of which the target begins so; the longest beginning counts. Others get a 404. Several
    /// replies are given one after the other, and the last one again and again.
    void answer(const std::string& beginning, std::vector<reply> replies);
    void answer(const std::string& beginning, reply with) { answer(beginning, std::vector<reply>{std::move(with)}); }
    /// Only those who send this Authorization are answered; others get the challenge.
    void demand(const std::string& authorization, const std::string& challenge) {
        demand("/", authorization, challenge);
    }
    /// The same for targets that begin so; the longest beginning counts.
    void demand(const std::string& beginning, const std::string& authorization, const std::string& challenge);

    std::vector<request> asked() const;
    /// The targets of what was asked, in their order.
    std::vector<std::string> targets() const;
    void forget();

private:
    void serve();
    void talk(int connection);
    reply reply_to(const request& asked);

    int listener_ = -1;
    int stop_[2] = {-1, -1};
    int port_ = 0;
    mutable std::mutex mutex_;
    std::map<std::string, std::vector<reply>> replies_;
    std::map<std::string, std::pair<std::string, std::string>> demands_;  ///< Authorization and challenge
    std::vector<request> asked_;
    std::vector<std::thread> talks_;
    std::thread thread_;
};

}  // namespace refract::test
