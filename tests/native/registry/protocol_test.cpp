// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ifaddrs.h>

#include <cstring>

#include "registry/auth/challenge.h"
#include "registry/http/address.h"
#include "registry/http/url.h"

namespace refract::registry {
namespace {

using testing::SizeIs;

TEST(Challenge, ReadsWhatRegistriesSend) {
    const auto got = parse_challenges(
        R"(Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push")");
    ASSERT_THAT(got, SizeIs(1));
    EXPECT_EQ(got[0].scheme, challenge::scheme::bearer);
    EXPECT_EQ(got[0].realm, "https://auth.example/token");
    EXPECT_EQ(got[0].service, "registry.example");
    EXPECT_EQ(got[0].scope, "repository:a/b:pull,push");
}

TEST(Challenge, PrefersBearerWhereverItStands) {
    for (const char* const header :
         {R"(Basic realm="x", Bearer realm="https://a/t")", R"(bearer realm=https://a/t, BASIC realm="x")",
          R"(Negotiate, Digest nonce="q, r", Basic realm="x", Bearer realm="https://a/t")"}) {
        const auto got = choose_challenge({header});
        ASSERT_TRUE(got) << header;
        EXPECT_EQ(got->scheme, challenge::scheme::bearer) << header;
        EXPECT_EQ(got->realm, "https://a/t") << header;
    }
}

TEST(Challenge, LeavesOutWhatItCannotRead) {
    for (const char* const header :
         {"", ",", "=", "Bearer", "Bearer service=\"x\"", "Bearer realm=\"never closed", "\"", "Negotiate abc=="}) {
        EXPECT_FALSE(choose_challenge({header})) << header;
    }
    EXPECT_EQ(choose_challenge({R"(Basic realm="a\"b")"})->realm, "a\"b");
}

TEST(Link, FindsTheNextPage) {
    EXPECT_EQ(next_link(R"(</v2/a/tags/list?n=2&last=b>; rel="next")"), "/v2/a/tags/list?n=2&last=b");
    EXPECT_EQ(next_link(R"(<x>; rel=prev, <y>; title="a, b"; rel=next)"), "y");
    EXPECT_EQ(next_link("<x>; rel=\"prev\""), std::nullopt);
    EXPECT_EQ(next_link("x; rel=next"), std::nullopt);
    EXPECT_EQ(next_link("<x; rel=next"), std::nullopt);
}

TEST(Url, HasOneSpellingForOneOrigin) {
    EXPECT_EQ(parse_url("https://Registry.Example").value().origin(), "https://registry.example:443");
    EXPECT_EQ(parse_url("https://registry.example:443/x").value().origin(), "https://registry.example:443");
    EXPECT_EQ(parse_url("http://[0:0::1]:80/").value().origin(), "http://[::1]:80");
}

TEST(Url, RefusesWhatMayBeReadInTwoWays) {
    for (const char* const text :
         {"ftp://a/", "file:///etc/passwd", "https://user:secret@a/", "http://0%7f.1/", "http://0%780/x",
          "http://a%2fb/", "https://a b/", "https://a\\@b/", "https://a/\r\nX: y", "https:///", "//a/b", "a"}) {
        const auto got = parse_url(text);
        EXPECT_TRUE(got.failed()) << text;
        if (got.ok()) continue;
        EXPECT_EQ(got.why().message.find("secret"), std::string::npos);
    }
}

TEST(Url, ResolvesAgainstABase) {
    const url base = parse_url("https://a:5000/v2/x/tags/list?n=1").value();
    EXPECT_EQ(resolve_url(base, "/v2/x/tags/list?n=1&last=b").value().text(),
              "https://a:5000/v2/x/tags/list?n=1&last=b");
    EXPECT_EQ(resolve_url(base, "//b/c").value().text(), "https://b/c");
    EXPECT_EQ(resolve_url(base, "http://b/").value().scheme, "http");
}

bool is_private(const std::string& text) {
    sockaddr_storage storage{};
    auto& four = reinterpret_cast<sockaddr_in&>(storage);
    auto& six = reinterpret_cast<sockaddr_in6&>(storage);
    if (inet_pton(AF_INET, text.c_str(), &four.sin_addr) == 1) {
        storage.ss_family = AF_INET;
    } else {
        EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &six.sin6_addr), 1) << text;
        storage.ss_family = AF_INET6;
    }
    return is_private_address(reinterpret_cast<const sockaddr&>(storage));
}

/// IANA's registries of special-purpose addresses, as of 2025: the first and the last address of each block that is not
/// globally reachable, and neighbours that are.
TEST(Address, KnowsWhatLeadsInside) {
    for (const char* const text : {"0.0.0.0",
                                   "0.255.255.255",
                                   "10.0.0.0",
                                   "10.255.255.255",
                                   "100.64.0.0",
                                   "100.127.255.255",
                                   "127.0.0.1",
                                   "127.255.255.255",
                                   "169.254.169.254",
                                   "169.254.255.255",
                                   "172.16.0.1",
                                   "172.31.255.255",
                                   "192.0.0.0",
                                   "192.0.0.170",
                                   "192.0.0.255",
                                   "192.0.2.1",
                                   "192.0.2.255",
                                   "192.88.99.1",
                                   "192.168.0.0",
                                   "192.168.255.255",
                                   "198.18.0.0",
                                   "198.19.255.255",
                                   "198.51.100.0",
                                   "198.51.100.255",
                                   "203.0.113.0",
                                   "203.0.113.255",
                                   "224.0.0.1",
                                   "233.252.0.1",
                                   "239.255.255.255",
                                   "240.0.0.1",
                                   "255.255.255.255",
                                   "::1",
                                   "::",
                                   "64:ff9b:1::",
                                   "64:ff9b:1:ffff::808:808",
                                   "64:ff9b:2::1",
                                   "100::1",
                                   "100:0:0:1::1",
                                   "2001::1",
                                   "2001:0:4136:e378:8000:63bf:3fff:fdd2",
                                   "2001:2::1",
                                   "2001:10::1",
                                   "2001:20::1",
                                   "2001:1ff:ffff::1",
                                   "2001:db8::1",
                                   "2001:db8:ffff:ffff::1",
                                   "3fff::1",
                                   "3fff:fff:ffff::1",
                                   "5f00::1",
                                   "fe80::1",
                                   "fec0::1",
                                   "fc00::1",
                                   "fd12::1",
                                   "ff02::1",
                                   "4000::1",
                                   "1fff::1",
                                   "::ffff:10.0.0.1",
                                   "::ffff:203.0.113.1",
                                   "::ffff:0:127.0.0.1",
                                   "::127.0.0.1",
                                   "64:ff9b::a9fe:a9fe",
                                   "64:ff9b::c000:201",
                                   "2002:7f00:1::",
                                   "2002:cb00:7101::1"}) {
        EXPECT_TRUE(is_private(text)) << text;
    }
    for (const char* const text :
         {"1.0.0.0",         "1.1.1.1",         "9.255.255.255",  "11.0.0.0",         "100.63.255.255",
          "100.128.0.1",     "126.255.255.255", "128.0.0.0",      "169.253.0.1",      "172.15.255.255",
          "172.32.0.1",      "191.255.255.255", "192.0.1.0",      "192.0.3.0",        "192.31.196.1",
          "192.52.193.1",    "192.167.0.1",     "192.175.48.1",   "198.17.255.255",   "198.20.0.0",
          "198.51.99.255",   "198.51.101.0",    "203.0.112.255",  "203.0.114.0",      "223.255.255.255",
          "2606:4700::1111", "2001:200::1",     "2001:db7::1",    "2001:db9::1",      "2620:4f:8000::1",
          "3ffe:ffff::1",    "3fff:1000::1",    "::ffff:1.1.1.1", "::ffff:0:1.1.1.1", "64:ff9b::101:101",
          "2002:101:101::1"}) {
        EXPECT_FALSE(is_private(text)) << text;
    }
}

TEST(Address, KnowsItsOwn) {
    ifaddrs* all = nullptr;
    ASSERT_EQ(getifaddrs(&all), 0);
    for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
        if (one->ifa_addr == nullptr) continue;
        const auto family = one->ifa_addr->sa_family;
        if (family != AF_INET && family != AF_INET6) continue;
        EXPECT_TRUE(is_own_address(*one->ifa_addr)) << one->ifa_name;
        if (family != AF_INET) continue;
        sockaddr_in6 mapped{};
        mapped.sin6_family = AF_INET6;
        mapped.sin6_addr.s6_addr[10] = mapped.sin6_addr.s6_addr[11] = 0xff;
        std::memcpy(mapped.sin6_addr.s6_addr + 12, &reinterpret_cast<const sockaddr_in&>(*one->ifa_addr).sin_addr, 4);
        EXPECT_TRUE(is_own_address(reinterpret_cast<const sockaddr&>(mapped))) << one->ifa_name;
    }
    freeifaddrs(all);
    sockaddr_in other{};
    other.sin_family = AF_INET;
    ASSERT_EQ(inet_pton(AF_INET, "1.1.1.1", &other.sin_addr), 1);
    EXPECT_FALSE(is_own_address(reinterpret_cast<const sockaddr&>(other)));
}

TEST(NamedHosts, AreThoseThatTheOperatorNamed) {
    named_hosts named;
    named.add(parse_url("https://registry.internal:5000").value());
    named.add(parse_url("https://127.0.0.1:5000").value());
    const auto contains = [&](const char* text) { return named.contains(parse_url(text).value()); };
    EXPECT_TRUE(contains("https://registry.internal/token"));
    EXPECT_TRUE(contains("https://127.0.0.1:5000/x"));
    EXPECT_FALSE(contains("https://127.0.0.1:5001/x")) << "on loopback, another port is another service";
    EXPECT_FALSE(contains("https://other.internal/"));
    ASSERT_TRUE(named.allow("other.internal").ok());
    EXPECT_TRUE(contains("https://other.internal:8443/"));
    ASSERT_TRUE(named.allow("localhost:5001").ok());
    EXPECT_TRUE(contains("https://localhost:5001/"));
    EXPECT_FALSE(contains("https://localhost:5002/"));
    EXPECT_TRUE(named.allow("10.0.0.0/33").failed());
    EXPECT_TRUE(named.allow("ten/8").failed());
}

TEST(NamedHosts, AreNetworksToo) {
    named_hosts named;
    ASSERT_TRUE(named.allow("10.1.0.0/16").ok());
    sockaddr_in inside{};
    inside.sin_family = AF_INET;
    inet_pton(AF_INET, "10.1.255.1", &inside.sin_addr);
    EXPECT_TRUE(named.contains(reinterpret_cast<const sockaddr&>(inside)));
    inet_pton(AF_INET, "10.2.0.1", &inside.sin_addr);
    EXPECT_FALSE(named.contains(reinterpret_cast<const sockaddr&>(inside)));
}

}  // namespace
}  // namespace refract::registry
