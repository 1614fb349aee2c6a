// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/again.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry.h"

namespace refract::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Pulls for platforms, as the transfer service matches them, and asks on a host.
status again(const registry& from, const blob& root, const std::vector<std::string>& platforms,
             const char* host = here) {
    auto request = request_for(platforms);
    for (std::size_t i = 0; i < platforms.size(); ++i) {
        request.wants[i].runs = oci::platform_preference::compatible(platform(platforms[i]));
    }
    const pull walked(from, root, request);
    EXPECT_TRUE(walked.ok()) << walked.message;
    const oci::platform on = platform(host == nullptr ? "" : host);
    return resolve::check_again(walked.walk, host == nullptr ? nullptr : &on);
}

/// An image that the index marks as an artifact.
json twin(registry& from, const blob& image, std::string_view on) {
    return with(from.image(on, "twin").about(image.digest, "sbom"), "platform", platform_json(on));
}

TEST(Again, FindsTheSelectedImage) {
    registry from;
    const blob image = from.image(here);
    const blob other = from.image(there);
    const blob root = from.index({image.on(here), other.on(there), twin(from, image, here)});
    EXPECT_FALSE(again(from, root, {here}).failed());
    EXPECT_FALSE(again(from, root, {here, there}).failed());
    EXPECT_FALSE(again(from, root, {}).failed());
}

TEST(Again, RefusesATwinBefore) {
    registry from;
    const blob image = from.image(here);
    const blob other = from.image(there);
    const json before = twin(from, image, here);
    const blob root = from.index({before, image.on(here), other.on(there)});
    for (const std::vector<std::string>& platforms : {std::vector<std::string>{here}, {there, here}, {}}) {
        const status refused = again(from, root, platforms);
        ASSERT_TRUE(refused.failed());
        EXPECT_EQ(refused.why().code, status_code::denied);
        EXPECT_THAT(refused.why().message, AllOf(HasSubstr(root.digest), HasSubstr(here), HasSubstr("manifests[0] "),
                                                 HasSubstr(before["digest"].get<std::string>())));
    }
}

/// Whoever runs the image without naming a platform gets that of the host, whatever was pulled.
TEST(Again, RefusesWhatTheHostWouldTake) {
    registry from;
    const blob image = from.image(here);
    const blob other = from.image(there);
    const blob root = from.index({image.on(here), other.on(there)});
    EXPECT_TRUE(again(from, root, {there}, here).failed());
    EXPECT_FALSE(again(from, root, {there}, nullptr).failed());
    EXPECT_FALSE(again(from, root, {there}, "linux/s390x").failed());
}

/// containerd lower-cases names as Go does, which makes ASCII letters of two that are none.
TEST(Again, RefusesATwinWhosePlatformBecomesOurs) {
    for (const auto* const name : {"l\u0130nux", "LINUX", "l\u0130nUx"}) {
        registry from;
        const blob image = from.image(here);
        const blob other = from.image(there);
        json before = twin(from, image, here);
        before["platform"]["os"] = name;
        const blob root = from.index({before, image.on(here), other.on(there)});
        EXPECT_TRUE(again(from, root, {here, there}).failed()) << name;
        EXPECT_TRUE(again(from, root, {}).failed()) << name;
    }
}

/// An image for a platform that containerd takes to be better than the requested one.
TEST(Again, RefusesATwinOfABetterPlatform) {
    registry from;
    const blob image = from.image("linux/arm/v6");
    const blob root = from.index({image.on("linux/arm/v6"), twin(from, image, "linux/arm/v7")});
    EXPECT_FALSE(again(from, root, {"linux/arm/v6"}, "linux/arm/v6").failed());
    EXPECT_TRUE(again(from, root, {"linux/arm/v6"}, "linux/arm/v7").failed());
}

TEST(Again, RefusesATwinWithoutPlatformOfAnImageWithoutPlatform) {
    registry from;
    const blob image = from.image(here);
    const json unmarked = from.image(here, "twin").about(image.digest, "sbom");
    EXPECT_TRUE(again(from, from.index({unmarked, image.descriptor()}), {here}).failed());
    EXPECT_FALSE(again(from, from.index({image.descriptor(), unmarked}), {here}).failed());
    // One that declares it goes before.
    EXPECT_FALSE(again(from, from.index({unmarked, image.on(here)}), {here}).failed());
}

TEST(Again, FollowsNestedIndexes) {
    registry from;
    const blob image = from.image(here);
    const blob honest = from.index({image.on(here), twin(from, image, here)});
    const blob hostile = from.index({twin(from, image, here), image.on(here)});
    EXPECT_FALSE(again(from, from.index({honest.on(here)}), {here}).failed());
    EXPECT_FALSE(again(from, from.index({honest.descriptor()}), {}).failed());
    EXPECT_TRUE(again(from, from.index({hostile.on(here)}), {here}).failed());
    EXPECT_TRUE(again(from, from.index({hostile.descriptor()}), {}).failed());
}

/// What containerd goes on to was not read, because the image was found without it.
TEST(Again, RefusesAnIndexThatWasNotRead) {
    registry from;
    const blob image = from.image(here);
    const blob inner = from.index({from.image(here, "twin").on(here)});
    const json marked = with(inner.about(image.digest, "sbom"), "platform", platform_json(here));
    const status refused = again(from, from.index({marked, image.on(here)}), {here});
    ASSERT_TRUE(refused.failed());
    EXPECT_THAT(refused.why().message, HasSubstr("not read"));
}

/// Of all platforms, any that is declared may be asked for.
TEST(Again, RefusesATwinOfAnotherPlatformWhereAllWerePulled) {
    registry from;
    const blob image = from.image(here);
    const blob root = from.index({image.on(here), twin(from, image, "linux/s390x")});
    EXPECT_TRUE(again(from, root, {}).failed());
    EXPECT_FALSE(again(from, root, {here}).failed());
    // BuildKit's attestations are of no platform that anybody asks for.
    EXPECT_FALSE(again(from, from.index({image.on(here), twin(from, image, "unknown/unknown")}), {}).failed());
}

/// Two platforms may be written the same, and be two to containerd.
TEST(Again, TellsPlatformsApartByAllTheirFields) {
    registry from;
    const blob image = from.image(here);
    json strange = image.on(here);
    strange["platform"] = {{"os", "linux/386"}, {"architecture", ""}};
    const blob root = from.index({image.on(here), strange, twin(from, image, "linux/386")});
    const status refused = again(from, root, {});
    ASSERT_TRUE(refused.failed());
    EXPECT_THAT(refused.why().message, HasSubstr("manifests[2]"));
}

/// What containerd takes for a name beyond ASCII depends on how Go lower-cases it.
TEST(Again, RefusesPlatformsBeyondAscii) {
    registry from;
    const blob image = from.image(here);
    json strange = image.on(here);
    strange["platform"]["os"] = "\u00c4nderung";
    EXPECT_TRUE(again(from, from.index({image.on(here), strange}), {}).failed());
}

TEST(Again, SaysWhatToAskForWhereTheHostsImageWasNotJudged) {
    registry from;
    const blob root = from.index({from.image(here).on(here), from.image(there).on(there)});
    const status refused = again(from, root, {there}, here);
    ASSERT_TRUE(refused.failed());
    EXPECT_THAT(refused.why().message, HasSubstr(std::string("ask for ") + here + ", too"));
}

TEST(Again, BoundsThePlatformsOfAnIndex) {
    registry from;
    const blob image = from.image(here);
    std::vector<json> entries{image.on(here)};
    for (int i = 0; i < 300; ++i) entries.push_back(twin(from, image, "linux/made" + std::to_string(i)));
    const status refused = again(from, from.index(entries), {});
    ASSERT_TRUE(refused.failed());
    EXPECT_EQ(refused.why().code, status_code::limit_exceeded);
}

/// An entry that containerd cannot make anything of leads to nothing.
TEST(Again, LeadsToNothingWhereContainerdFails) {
    registry from;
    const blob image = from.image(here);
    const json odd = with(with(image.on(here), "mediaType", "application/octet-stream"), "digest", digest_of('a'));
    EXPECT_FALSE(again(from, from.index({odd, image.on(here)}), {here}).failed());
}

}  // namespace
}  // namespace refract::test
