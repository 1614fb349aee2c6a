// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/required.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry.h"

namespace refract::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char* here = "linux/amd64";
constexpr const char* there = "linux/arm64";

outcome check(const registry& from, const blob& root, std::vector<std::string> types,
              std::vector<std::string> platforms = {here}) {
    auto request = request_for(std::move(platforms));
    request.required_types = std::move(types);
    const pull walked(from, root, request);
    EXPECT_TRUE(walked.ok()) << walked.message;
    return resolve::check_required(walked.walk, resolve::find_attached(walked.walk));
}

TEST(Required, CountsWhatIsAboutTheImage) {
    registry from;
    const blob image = from.image(here);
    const blob sbom = from.artifact();
    const blob root = from.index({sbom.about(image.digest, "sbom"), image.on(here)});
    EXPECT_FALSE(check(from, root, {}).failed());
    EXPECT_FALSE(check(from, root, {"sbom"}).failed());
    const outcome refused = check(from, root, {"signature", "sbom", "another\x1b"});
    ASSERT_TRUE(refused.failed());
    EXPECT_EQ(refused.why().code, status::denied);
    EXPECT_THAT(refused.why().message, AllOf(HasSubstr(root.digest), HasSubstr(image.digest), HasSubstr(here),
                                             HasSubstr(": another\\x1b, signature (attached: sbom)")));
}

TEST(Required, CountsWhatIsAboutAnIndexAroundIt) {
    registry from;
    const blob image = from.image(here);
    const blob sbom = from.artifact();
    const blob inner = from.index({image.on(here), sbom.descriptor()});
    const blob root =
        from.index({inner.descriptor(), from.artifact("application/vnd.in-toto+json").about(inner.digest, "scan")});
    EXPECT_FALSE(check(from, root, {"scan"}).failed());
}

TEST(Required, PassesOverWhatIsAboutOtherThings) {
    registry from;
    const blob image = from.image(here);
    const blob other = from.image(there);
    const blob sbom = from.artifact();
    const blob signature = from.artifact("application/vnd.in-toto+json");
    const blob root = from.index({image.on(here), other.on(there), sbom.about(other.digest, "sbom"),
                                  signature.about(sbom.digest, "signature"), sbom.about(digest_of('a'), "weak"),
                                  sbom.about("sha256:short", "malformed")});
    for (const char* type : {"sbom", "signature", "weak", "malformed"}) {
        const outcome refused = check(from, root, {type});
        ASSERT_TRUE(refused.failed()) << type;
        EXPECT_THAT(refused.why().message, HasSubstr("attached: nothing"));
    }
    EXPECT_FALSE(check(from, root, {"sbom"}, {there}).failed());
    EXPECT_TRUE(check(from, root, {"sbom"}, {here, there}).failed()) << "each selected image needs its own";
}

}  // namespace
}  // namespace refract::test
