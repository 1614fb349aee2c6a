// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/platform_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"

namespace refract::oci {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string parsed(std::string_view text) {
    const auto name = parse_platform(text);
    return name.ok() ? describe(name.value().view()) : name.why().message;
}

TEST(PlatformName, AreReadAsContainerdDoes) {
    EXPECT_EQ(parsed("linux/amd64"), "linux/amd64");
    EXPECT_EQ(parsed("LINUX/X86_64"), "linux/amd64");
    EXPECT_EQ(parsed("linux/arm64/8"), "linux/arm64/v8");
    EXPECT_EQ(parsed("linux/aarch64"), "linux/arm64");
    EXPECT_EQ(parsed("linux/armhf"), "linux/arm");
    EXPECT_EQ(parsed("linux/armel"), "linux/arm/v6");
    EXPECT_EQ(parsed("macos/arm64"), "darwin/arm64");
    EXPECT_EQ(parsed("any-thing/at.all/w_1"), "any-thing/at.all/w_1");
    EXPECT_EQ(parsed("windows(10.0.17763)/amd64"), "windows(10.0.17763)/amd64");
    EXPECT_EQ(parsed("windows(10.0.17763+win32k+gpu)/amd64"), "windows(10.0.17763+win32k+gpu)/amd64");
    EXPECT_EQ(parsed("linux(+gpu)/arm/v7"), "linux(+gpu)/arm/v7");
}

TEST(PlatformName, OneWordIsAnArchitectureOfLinuxOrAnOperatingSystem) {
    EXPECT_EQ(parsed("amd64"), "linux/amd64");
    EXPECT_EQ(parsed("ARM64"), "linux/arm64");
    EXPECT_EQ(parsed("armel"), "linux/arm/v6");
    EXPECT_THAT(parsed("windows(10.0.17763)"), HasSubstr("windows(10.0.17763)/"));
    EXPECT_THAT(parsed("linux"), HasSubstr("linux/"));
    EXPECT_THAT(parsed("bogus"), HasSubstr("neither an operating system nor an architecture"));
}

TEST(PlatformName, EscapesAreOfBytesInBrackets) {
    const auto name = parse_platform("linux(a%2Bb+c%2fd)/amd64");
    ASSERT_TRUE(name.ok()) << name.why().message;
    EXPECT_EQ(name.value().os_version, "a+b");
    EXPECT_THAT(name.value().os_features, ElementsAre("c/d"));
    EXPECT_EQ(name.value().view().os_version, "a+b");
    EXPECT_THAT(parsed("linux(%)/amd64"), HasSubstr("hexadecimal"));
    EXPECT_THAT(parsed("linux(+%2)/amd64"), HasSubstr("hexadecimal"));
    EXPECT_THAT(parsed("linux(%GG)/amd64"), HasSubstr("hexadecimal"));
}

TEST(PlatformName, SaysWhatIsWrong) {
    const std::pair<const char*, const char*> wrong[] = {
        {"", "no operating system"},
        {" linux/amd64", "blank"},
        {"linux/amd64 ", "blank"},
        {"linux/amd64\n", "blank"},
        {"linux/amd64,linux/arm64", "give one"},
        {"linux/*", "wildcards"},
        {"windows/amd64:10.0.17763", "windows(10.0.17763)/amd64"},
        {"/amd64", "no operating system"},
        {"linux/", "no architecture"},
        {"linux//v8", "no architecture"},
        {"linux/arm/", "no variant"},
        {"linux/arm/v7/more", "more than three"},
        {"linux.5/amd64", "operating system may not have the character \".\""},
        {"linux/amd+64", "architecture may not have the character \"+\""},
        {"linux/arm/v7@", "variant may not have the character \"@\""},
        {"linux/\xC3\xA4", "architecture may not have the character"},
        {"windows(10.0/amd64", "closed"},
        {"windows(10.0)x/amd64", "closed"},
        {"windows(10 0)/amd64", "blank"},
        {"windows(10.0(1))/amd64", "OS version may not have the character \"(\""},
        {"windows(10.0+)/amd64", "no OS feature"},
        {"windows(+)/amd64", "no OS feature"},
        {"windows)/amd64", "operating system may not have the character \")\""},
    };
    for (const auto& [text, why] : wrong) {
        const auto name = parse_platform(text);
        ASSERT_TRUE(name.failed()) << text;
        EXPECT_EQ(name.why().code, status_code::invalid_argument) << text;
        EXPECT_THAT(name.why().message, HasSubstr(why)) << text;
        EXPECT_EQ(name.why().message.find_first_of("\n\r\x1b"), std::string::npos) << text;
    }
}

TEST(PlatformName, FeaturesAreCounted) {
    std::string many = "linux(";
    for (std::size_t i = 0; i < most_os_features; ++i) many += "+f" + std::to_string(i);
    EXPECT_TRUE(parse_platform(many + ")/amd64").ok());
    EXPECT_THAT(parsed(many + "+one)/amd64"), HasSubstr(std::to_string(most_os_features)));
}

}  // namespace
}  // namespace refract::oci
