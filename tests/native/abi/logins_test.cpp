// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <refract.h>

#include <string>
#include <vector>

#include "directory.h"
#include "oci/base64.h"
#include "registry/server.h"

namespace {

using refract::test::server;
using testing::Each;
using testing::HasSubstr;
using testing::Not;

constexpr const char* manifest = R"({"schemaVersion":2,"config":{},"layers":[]})";

std::string auth_of(const std::string& user) { return refract::oci::encode_base64(user + ":password-of-" + user); }

/// One client, and two repositories of one host with log-ins of their own.
class LoginsOfOneClient : public testing::Test {
protected:
    void SetUp() override {
        for (const std::string team : {"one", "two"}) {
            upstream.answer("/v2/" + team + "/app/", server::reply{200, "", manifest, false});
        }
    }
    void TearDown() override { refract_client_free(client); }

    /// With a log-in for each team's repositories at a host, and leave to be sent on to another one.
    void connect(const server& logins_at, const server& sent_to) {
        std::string auths;
        for (const std::string team : {"one", "two"}) {
            auths += (auths.empty() ? "\"" : ",\"") + logins_at.host() + "/" + team + R"(":{"auth":")" + auth_of(team) +
                     "\"}";
        }
        config = files.write("config.json", "{\"auths\":{" + auths + "}}");
        refract_client_options options{};
        const std::string allowed = sent_to.host();
        const refract_string allowed_host{allowed.data(), allowed.size()};
        options.abi_version = REFRACT_ABI_VERSION;
        options.docker_config = {config.data(), config.size()};
        options.allowed_hosts = &allowed_host;
        options.allowed_hosts_count = 1;
        options.plain_http = 1;
        refract_error error;
        ASSERT_EQ(refract_client_new(&client, &options, &error), REFRACT_OK) << error.message;
    }
    /// "" if the image could be opened.
    std::string open(const std::string& team, const std::string& tag = "v1") {
        const std::string name = upstream.host() + '/' + team + "/app:" + tag;
        refract_image* image = nullptr;
        refract_error error{};
        if (refract_image_open(&image, client, name.data(), name.size(), &error) != REFRACT_OK) return error.message;
        refract_image_free(image);
        return {};
    }
    static std::vector<std::string> sent(const server& to, const std::string& about) {
        std::vector<std::string> all;
        for (const auto& one : to.asked()) {
            if (one.target.find(about) != std::string::npos) all.push_back(one.head);
        }
        return all;
    }

    refract::test::directory files;
    std::string config;
    server upstream;
    server issuer;
    refract_client* client = nullptr;
};

TEST_F(LoginsOfOneClient, EachRepositoryIsAskedWithItsOwnPassword) {
    for (const std::string team : {"one", "two"}) {
        upstream.demand("/v2/" + team + "/", "Basic " + auth_of(team), "Basic realm=\"registry\"");
    }
    connect(upstream, issuer);
    for (const std::string team : {"one", "two", "one"}) EXPECT_EQ(open(team), "");
    EXPECT_THAT(sent(upstream, "/v2/two/"), Each(Not(HasSubstr(auth_of("one")))));
    EXPECT_THAT(sent(upstream, "/v2/one/"), Each(Not(HasSubstr(auth_of("two")))));
}

TEST_F(LoginsOfOneClient, EachRepositoryHasItsOwnToken) {
    for (const std::string team : {"one", "two"}) {
        const std::string challenge = "Bearer realm=\"" + issuer.url("/" + team) + "\",service=\"s\"";
        issuer.answer("/" + team, server::reply{200, "", R"({"token":"token-of-)" + team + "\"}", false});
        issuer.demand("/" + team, "Basic " + auth_of(team), "Basic realm=\"token\"");
        upstream.demand("/v2/" + team + "/", "Bearer token-of-" + team, challenge);
    }
    connect(upstream, issuer);
    for (const std::string team : {"one", "two", "one"}) EXPECT_EQ(open(team), "");
    EXPECT_THAT(sent(upstream, "/v2/two/"), Each(Not(HasSubstr("token-of-one"))));
    EXPECT_THAT(sent(issuer, "one%2Fapp"), Each(Not(HasSubstr(auth_of("two")))));
    EXPECT_THAT(sent(issuer, "two%2Fapp"), Each(Not(HasSubstr(auth_of("one")))));
}

/// Where a redirect leads, both may be asked for one and the same scope.
TEST_F(LoginsOfOneClient, TokensOfOneScopeAreNotShared) {
    server other;
    const std::string scope = "repository:shared/blobs:pull";
    const std::string challenge = "Bearer realm=\"" + other.url("/token") + "\",service=\"s\",scope=\"" + scope + "\"";
    for (const std::string team : {"one", "two"}) {
        const std::string target = "/store/" + team;
        upstream.answer("/v2/" + team + "/app/",
                        server::reply{307, "Location: " + other.url(target) + "\r\n", "", false});
        other.answer(target, server::reply{200, "", manifest, false});
        other.demand(target, "Bearer token-of-" + team, challenge);
    }
    // One token after the other: whose it is, only the server knows.
    other.answer("/token", {server::reply{200, "", R"({"token":"token-of-one"})", false},
                            server::reply{200, "", R"({"token":"token-of-two"})", false}});
    connect(other, other);
    for (const std::string team : {"one", "two", "one"}) EXPECT_EQ(open(team), "");
    EXPECT_THAT(sent(other, "/store/two"), Each(Not(HasSubstr("token-of-one"))));
    EXPECT_THAT(sent(other, "/store/one"), Each(Not(HasSubstr("token-of-two"))));
    EXPECT_THAT(sent(other, "/token"), testing::SizeIs(2));
}

}  // namespace
