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

status check(const registry& from, const blob& root, std::vector<std::string> types,
             std::vector<std::string> platforms = {here}) {
    auto request = request_for(std::move(platforms));
    request.required_types = std::move(types);
    const pull walked(from, root, request);
    EXPECT_TRUE(walked.ok()) << walked.message;
    return resolve::check_required(resolve::told_by(walked.walk), walked.request, resolve::find_attached(walked.walk));
}

/// A manifest that no index leads to.
status alone(const resolve::request& request) {
    const std::string digest = digest_of('a');
    return resolve::check_required({digest, nullptr}, request, {});
}

TEST(Required, CountsWhatIsAboutTheImage) {
    registry from;
    const blob image = from.image(here);
    const blob sbom = from.artifact();
    const blob root = from.index({sbom.about(image.digest, "sbom"), image.on(here)});
    EXPECT_FALSE(check(from, root, {}).failed());
    EXPECT_FALSE(check(from, root, {"sbom"}).failed());
    const status refused = check(from, root, {"signature", "sbom", "another\x1b"});
    ASSERT_TRUE(refused.failed());
    EXPECT_EQ(refused.why().code, status_code::denied);
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

TEST(Required, CountsEveryTypeOfAnArtifact) {
    registry from;
    const blob image = from.image(here);
    const blob both = from.artifact();
    const json spdx = with(both.descriptor(), "artifactType", "application/spdx+json");
    const json of_root = annotated(spdx, "org.opencontainers.reference.type", "scan");
    const blob root = from.index({both.about(image.digest, "sbom"), both.about(image.digest, "signature"), of_root,
                                  with(both.about(image.digest, "sbom"), "artifactType", "text/spdx"), image.on(here)});
    EXPECT_FALSE(check(from, root, {"sbom", "signature", "scan", "application/spdx+json", "text/spdx"}).failed());
    const status refused = check(from, root, {"provenance"});
    ASSERT_TRUE(refused.failed());
    EXPECT_THAT(refused.why().message,
                HasSubstr("(attached: application/spdx+json, sbom, scan, signature, text/spdx)"));
}

/// What was not read may hold what is missing: the image is refused, and the message tells of it.
TEST(Required, DoesNotCountWhatWasNotRead) {
    registry from;
    const blob image = from.image(here);
    const json sbom = from.artifact().about(image.digest, "sbom");
    const blob attached = from.index({sbom});
    const blob other = from.index({sbom, from.image(there).on(there)});
    // The walk ends at the image, before the index that tells of it.
    const status early = check(from, from.index({image.on(here), attached.descriptor()}), {"sbom"});
    ASSERT_TRUE(early.failed());
    EXPECT_EQ(early.why().code, status_code::denied);
    EXPECT_THAT(early.why().message, HasSubstr("(attached: nothing; 1 nested index was not read)"));
    const blob root = from.index({attached.descriptor(), other.descriptor(), image.on(here)});
    EXPECT_FALSE(check(from, root, {"sbom"}).failed());
    from.lose(attached.digest);
    EXPECT_FALSE(check(from, root, {"sbom"}).failed()) << "the other index tells of it, too";
    from.lose(other.digest);
    const status lost = check(from, root, {"sbom"});
    ASSERT_TRUE(lost.failed());
    EXPECT_EQ(lost.why().code, status_code::denied);
    EXPECT_THAT(lost.why().message, HasSubstr("(attached: nothing; 2 nested indexes were not read)"));
}

TEST(Required, RefusesASingleManifest) {
    auto request = request_for({here, there});
    EXPECT_FALSE(alone(request).failed());
    request.required_types = {"signature", "sbom", "sbom", "another\x1b"};
    const status refused = alone(request);
    ASSERT_TRUE(refused.failed());
    EXPECT_EQ(refused.why().code, status_code::denied);
    EXPECT_EQ(refused.why().message,
              "manifest " + digest_of('a') +
                  " for linux/amd64, linux/arm64 lacks what the policy requires: another\\x1b, sbom, signature "
                  "(attached: nothing; it is in no index); pull it by its index, or change required");
    request.wants.clear();
    EXPECT_THAT(alone(request).why().message, HasSubstr(digest_of('a') + " lacks what"));
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
        const status refused = check(from, root, {type});
        ASSERT_TRUE(refused.failed()) << type;
        EXPECT_THAT(refused.why().message, HasSubstr("attached: nothing"));
    }
    EXPECT_FALSE(check(from, root, {"sbom"}, {there}).failed());
    EXPECT_TRUE(check(from, root, {"sbom"}, {here, there}).failed()) << "each selected image needs its own";
}

/// Nobody could ever tell that it is what it says, or there is nothing to be told.
TEST(Required, DoesNotCountWhatNobodyCanCheck) {
    registry from;
    const blob image = from.image(here);
    const json sbom = from.artifact().about(image.digest, "sbom");
    EXPECT_FALSE(check(from, from.index({sbom, image.on(here)}), {"sbom"}).failed());
    for (const json& hollow : {with(sbom, "size", 0), with(sbom, "digest", "blake3:" + std::string(64, 'a'))}) {
        EXPECT_TRUE(check(from, from.index({hollow, image.on(here)}), {"sbom"}).failed()) << hollow;
    }
    const auto signed_by = [&](const std::string& value) {
        return from.index({annotated(image.on(here), "dev.cosignproject.cosign/signature", value)});
    };
    EXPECT_FALSE(check(from, signed_by("MEUCIQ"), {"signature"}).failed());
    for (const char* empty : {"", " ", "\t \r\n"}) {
        EXPECT_TRUE(check(from, signed_by(empty), {"signature"}).failed()) << '"' << empty << '"';
    }
}

}  // namespace
}  // namespace refract::test
