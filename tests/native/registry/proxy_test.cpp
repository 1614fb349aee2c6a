// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/proxy.h"

#include <gtest/gtest.h>

namespace refract::registry {
namespace {

TEST(Proxy, Exemptions) {
    EXPECT_TRUE(is_exempt("registry.example", "*"));
    EXPECT_TRUE(is_exempt("registry.example", "registry.example"));
    EXPECT_TRUE(is_exempt("registry.example", "other.example, .EXAMPLE"));
    EXPECT_TRUE(is_exempt("a.registry.example", "registry.example"));
    EXPECT_TRUE(is_exempt("10.1.2.3", "10.0.0.0/8"));
    EXPECT_TRUE(is_exempt("10.1.2.3", "127.0.0.1,10.1.2.3"));
    EXPECT_TRUE(is_exempt("[fd00::1]", "fd00::/8"));
    EXPECT_FALSE(is_exempt("registry.example", ""));
    EXPECT_FALSE(is_exempt("registry.example", ", ,"));
    EXPECT_FALSE(is_exempt("notregistry.example", "registry.example"));
    EXPECT_FALSE(is_exempt("10.1.2.3", "2.3"));
    EXPECT_FALSE(is_exempt("11.1.2.3", "10.0.0.0/8"));
    EXPECT_FALSE(is_exempt("registry.example", "10.0.0.0/8"));
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
