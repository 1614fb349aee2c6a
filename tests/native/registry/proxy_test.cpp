// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/http/proxy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

namespace refract::registry {
namespace {

/// What Go's golang.org/x/net/http/httpproxy says, which tests/parity holds against it.
TEST(Proxy, ExemptionsAreThoseOfGo) {
    std::ifstream file(REFRACT_NO_PROXY);
    const auto table = nlohmann::json::parse(file);
    ASSERT_FALSE(table.at("by").empty());
    for (const auto& [no_proxy, exempt] : table.at("by").items()) {
        for (const auto& asked : table.at("asked")) {
            const bool want = std::find(exempt.begin(), exempt.end(), asked) != exempt.end();
            EXPECT_EQ(is_exempt(parse_url(asked.get<std::string>()).value(), no_proxy), want)
                << asked << " by " << no_proxy;
        }
    }
}

TEST(Proxy, PrivateAddressesDoNotGoByIt) {
    named_hosts named;
    named.add(parse_url("http://10.0.0.5:5000").value());
    ASSERT_TRUE(named.allow("192.168.7.0/24").ok());
    const auto goes = [&](const char* text) {
        return goes_by_proxy(parse_url(text).value(), "http://proxy", "", named);
    };
    for (const char* const text :
         {"https://registry.example", "http://8.8.8.8", "http://10.0.0.5:5000", "http://192.168.7.9"})
        EXPECT_TRUE(goes(text)) << text;
    for (const char* const text : {"http://127.0.0.1", "http://2130706433", "http://localhost:1", "http://[::1]",
                                   "http://169.254.169.254", "http://10.0.0.6", "http://[::ffff:7f00:1]"})
        EXPECT_FALSE(goes(text)) << text;
    EXPECT_FALSE(goes_by_proxy(parse_url("https://registry.example").value(), "", "", named));
}

}  // namespace
}  // namespace refract::registry
