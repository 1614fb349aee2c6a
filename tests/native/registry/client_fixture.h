// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "directory.h"
#include "oci/base64.h"
#include "registry.h"
#include "registry/client.h"
#include "registry/server.h"

namespace refract::registry {

using test::server;
using kind = oci::fetch_request::kind;

inline constexpr const char* manifest = R"({"schemaVersion":2,"config":{},"layers":[]})";

inline oci::fetch_request asking(kind what, std::string reference, oci::lookup_budget* budget = nullptr) {
    oci::fetch_request made = oci::fetch_request_for(what, reference, 1u << 20);
    made.budget = budget;
    return made;
}

inline std::string basic(const std::string& user, const std::string& password) {
    return "Basic " + oci::encode_base64(user + ':' + password);
}

/// A client of servers on loopback, by the name of the first.
class Client : public testing::Test {
protected:
    void SetUp() override {
        options.docker_config = files.write("config.json", "{}");
        options.plain_http = true;
        auto& times = options.transport.limits;
        times.first_backoff = 1;
        times.dial_timeout = times.tls_timeout = times.first_byte_timeout = times.stall_timeout = 1000;
    }

    /// Mirrors before the upstream, in this order.
    void mirror(std::initializer_list<const server*> mirrors, const std::string& path = "") {
        std::string text = "server = \"" + upstream.url() + "\"\n";
        for (const server* one : mirrors) {
            text += "[host.\"" + one->url(path) + "\"]\n";
            if (!path.empty()) text += "override_path = true\n";
            text += "capabilities = [\"pull\", \"resolve\", \"referrers\"]\n";
        }
        files.write("hosts/" + upstream.host() + "/hosts.toml", text);
        options.hosts_directories = files.path("hosts");
    }
    void log_in(const std::string& host, const std::string& user, const std::string& password) {
        options.given[host] = {user, password, {}, {}};
    }

    std::vector<result<oci::fetch_response>> ask(std::span<const oci::fetch_request> questions) {
        if (!repository) {
            auto made = client::create(options);
            EXPECT_TRUE(made.ok());
            client_ = std::move(made).value();
            oci::image_name name;
            name.host = upstream.host();
            name.repository = "team/app";
            auto opened = client_->open(name);
            EXPECT_TRUE(opened.ok()) << opened.why().message;
            repository = std::move(opened).value();
        }
        return repository->ask(questions);
    }
    result<oci::fetch_response> ask(const oci::fetch_request& question) {
        return std::move(ask(std::span(&question, 1)).front());
    }
    /// What it fails with; "" if it does not.
    std::string failure(const oci::fetch_request& question) {
        auto got = ask(question);
        return got.ok() ? std::string() : got.why().message;
    }
    status_code code(const oci::fetch_request& question) {
        auto got = ask(question);
        return got.ok() ? status_code::ok : got.why().code;
    }

    const std::string subject = test::digest_of('a');
    test::directory files;
    server upstream;
    client_options options;
    std::unique_ptr<client> client_;
    std::unique_ptr<oci::repository> repository;
    oci::lookup_budget budget{100, clock::now() + std::chrono::minutes(1)};
};

}  // namespace refract::registry
