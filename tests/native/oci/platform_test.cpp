// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// What tests/parity proves against containerd/platforms pair by pair stands here as the rules one would tell a person.
#include "oci/platform.h"

#include <gtest/gtest.h>

#include "registry.h"

namespace refract::oci {
namespace {

using test::platform;

bool exactly(std::string_view host, std::string_view entry) {
    return platform_preference::exactly(platform(host)).rank(platform(entry)).has_value();
}

/// The entry's place in the order of what the host can run, or -1.
int compatible(std::string_view host, std::string_view entry) {
    const auto rank = platform_preference::compatible(platform(host)).rank(platform(entry));
    return rank ? static_cast<int>(rank->matcher) : -1;
}

TEST(Platform, ExactMatches) {
    const std::pair<std::string_view, std::string_view> same[] = {
        {"linux/amd64", "linux/amd64"},
        {"linux/amd64", "linux/x86_64"},
        {"linux/x86-64", "linux/amd64"},
        {"linux/amd64", "linux/amd64/v1"},
        {"linux/arm64", "linux/arm64/v8"},
        {"linux/aarch64", "linux/arm64/8"},
        {"linux/arm64", "linux/arm64/v8.0"},
        {"linux/arm64/v9", "linux/arm64/9.0"},
        {"linux/arm", "linux/arm/v7"},
        {"linux/arm/7", "linux/armhf"},
        {"linux/arm/v6", "linux/armel"},
        {"linux/386", "linux/i386"},
        {"darwin/arm64", "macos/arm64"},
        {"linux/amd64", "LINUX/AMD64"},
        {"linux/amd64", "/amd64"},
        {"linux/386", "linux/i386/v9"},
        {"linux/riscv64", "linux/riscv64"},
        {"freebsd/amd64", "freebsd/amd64"},
        {"linux/amd64", "l\xC4\xB0nux/amd64"},
    };
    for (const auto& [host, entry] : same) EXPECT_TRUE(exactly(host, entry)) << host << ' ' << entry;

    const std::pair<std::string_view, std::string_view> different[] = {
        {"linux/amd64", "linux/amd64/v2"},
        {"linux/amd64", "linux/386"},
        {"linux/arm64", "linux/arm/v8"},
        {"linux/arm/v7", "linux/arm/v6"},
        {"linux/amd64", "darwin/amd64"},
        {"linux/amd64", "unknown/unknown"},
        {"linux/amd64", "linux/"},
        {"linux/amd64", "linux/amd64p"},
        {"linux/arm64", "linux/arm64/v9"},
        {"linux/amd64", "linux/amd\xC2\xB2"},
        {"linux/amd64", "l\xC4\xB1nux/amd64"},
    };
    for (const auto& [host, entry] : different) EXPECT_FALSE(exactly(host, entry)) << host << ' ' << entry;
}

TEST(Platform, CompatibleIsBestFirst) {
    const auto descends = [](std::string_view host, std::initializer_list<std::string_view> entries) {
        int before = -1;
        for (const auto entry : entries) {
            const int rank = compatible(host, entry);
            EXPECT_GT(rank, before) << host << ' ' << entry;
            before = rank;
        }
    };
    descends("linux/arm64", {"linux/arm64", "linux/arm/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5"});
    descends("linux/arm64/v9",
             {"linux/arm64/v9", "linux/arm64/v8.5", "linux/arm64/v8", "linux/arm/v8", "linux/arm/v5"});
    descends("linux/arm64/v8.2", {"linux/arm64/v8.2", "linux/arm64/v8.1", "linux/arm64", "linux/arm/v7"});
    descends("linux/arm/v7", {"linux/arm", "linux/arm/v6", "linux/arm/v5"});
    descends("linux/amd64/v3", {"linux/amd64/v3", "linux/amd64/v2", "linux/amd64/v1", "linux/386"});
    descends("linux/amd64", {"linux/amd64", "linux/386"});
    EXPECT_EQ(compatible("linux/amd64", "linux/amd64/v2"), -1);
    EXPECT_EQ(compatible("linux/arm/v6", "linux/arm/v7"), -1);
    EXPECT_EQ(compatible("linux/arm64", "linux/arm64/v8.1"), -1);
    EXPECT_EQ(compatible("linux/386", "linux/amd64"), -1);
    EXPECT_EQ(compatible("linux/s390x", "linux/s390x"), 0);
    EXPECT_EQ(compatible("linux/arm64/v77", "linux/arm64/v77"), -1);
}

TEST(Platform, Features) {
    auto host = platform("linux/amd64");
    auto entry = platform("linux/amd64");
    entry.os_features = {"gpu"};
    EXPECT_FALSE(platform_preference::exactly(host).rank(entry));
    host.os_features = {"tpu", "gpu"};
    const auto matcher = platform_preference::exactly(host);
    ASSERT_TRUE(matcher.rank(entry));
    EXPECT_TRUE(matcher.less(entry, platform("linux/amd64")));
    EXPECT_FALSE(matcher.less(platform("linux/amd64"), entry));
    EXPECT_FALSE(matcher.is_best(*matcher.rank(entry)));
    EXPECT_TRUE(platform_preference::exactly(platform("linux/amd64")).is_best({0, 0}));
}

TEST(Platform, WindowsVersions) {
    const auto with_version = [](std::string_view version) {
        auto made = platform("windows/amd64");
        made.os_version = version;
        return made;
    };
    const auto runs = [&](std::string_view host, std::string_view image) {
        return platform_preference::exactly(with_version(host)).rank(with_version(image)).has_value();
    };
    EXPECT_TRUE(runs("10.0.17763", "10.0.17763.1234"));
    EXPECT_FALSE(runs("10.0.17763", "10.0.14393"));
    EXPECT_TRUE(runs("10.0.20348", "10.0.20348.1"));
    EXPECT_TRUE(runs("10.0.22621", "10.0.20348"));
    EXPECT_FALSE(runs("10.0.20348", "10.0.22621"));
    EXPECT_TRUE(runs("", "10.0.14393"));
    EXPECT_TRUE(runs("10.0.17763", ""));
}

TEST(Platform, SeveralWantedAreOrdered) {
    const platform_preference parts[] = {platform_preference::exactly(platform("linux/386")),
                                         platform_preference::exactly(platform("linux/amd64"))};
    const auto both = platform_preference::joined(parts);
    EXPECT_TRUE(both.less(platform("linux/386"), platform("linux/amd64")));
    EXPECT_FALSE(both.less(platform("linux/amd64"), platform("linux/386")));
    EXPECT_TRUE(both.less(platform("linux/amd64"), platform("linux/s390x")));
    EXPECT_FALSE(both.less(platform("linux/s390x"), platform("linux/ppc64le")));
    EXPECT_FALSE(platform_preference{}.rank(platform("linux/amd64")));
}

TEST(Platform, ForPeople) {
    EXPECT_EQ(describe(platform("linux/arm64/v8")), "linux/arm64/v8");
    EXPECT_EQ(describe(platform("")), "unknown");
    EXPECT_EQ(describe(platform("a\x1b[31m/b")), "a\\x1b[31m/b");
    EXPECT_TRUE(is_unknown(platform("unknown/unknown")));
    EXPECT_TRUE(is_unknown(platform("linux/unknown")));
    EXPECT_FALSE(is_unknown(platform("linux/amd64")));
}

}  // namespace
}  // namespace refract::oci
