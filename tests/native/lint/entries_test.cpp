// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lint/diagnosis.h"

namespace refract::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(LintEntries, OfAnOrdinaryImageNothingIsSaid) {
    registry from;
    const blob arm = from.image("linux/arm64");
    const blob image = from.image("linux/amd64");
    const blob attestation = from.artifact("application/vnd.in-toto+json");
    json entry = attestation.on("unknown/unknown");
    entry = annotated(entry, "vnd.docker.reference.digest", image.digest);
    entry = annotated(entry, "vnd.docker.reference.type", "attestation-manifest");
    const blob root = from.index({image.on("linux/amd64"), arm.on("linux/arm64"), entry});
    EXPECT_THAT(diagnosis(from, root).told(), IsEmpty());
}

TEST(LintEntries, ArtifactsBeforeAnImage) {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob sbom = from.artifact();
    const blob scan = from.artifact("application/json", "scan");
    const json first = with(sbom.about(image.digest, "sbom"), "platform", platform_json("unknown/unknown"));
    const json second = with(scan.about(image.digest, "scan"), "platform", platform_json("unknown/unknown"));
    const diagnosis wrong(from, from.index({first, second, image.on("linux/amd64")}));
    EXPECT_THAT(wrong.told(), ElementsAre("artifact-before-image manifests[0]"));
    EXPECT_THAT(lint::check(wrong.facts).front().message, HasSubstr("2 artifacts stand before manifests[2]"));
    EXPECT_THAT(diagnosis(from, from.index({image.on("linux/amd64"), first, second})).told(), IsEmpty());
    // Where there is no image, there is no order.
    EXPECT_THAT(diagnosis(from, from.index({first})).told("artifact-before-image"), IsEmpty());
}

TEST(LintEntries, UnmarkedArtifact) {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob sbom = from.artifact();
    const diagnosis wrong(from, from.index({image.on("linux/amd64"), sbom.on("linux/amd64")}));
    EXPECT_THAT(wrong.told(), ElementsAre("artifact-with-platform manifests[1]", "unmarked-artifact manifests[1]"));
    const json marked = with(with(sbom.descriptor(), "artifactType", "application/spdx+json"), "platform",
                             platform_json("unknown/unknown"));
    EXPECT_THAT(diagnosis(from, from.index({image.on("linux/amd64"), marked})).told(), IsEmpty());
}

TEST(LintEntries, ArtifactsWithAndWithoutAPlatform) {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob sbom = from.artifact();
    const json bare = sbom.about(image.digest, "sbom");
    EXPECT_THAT(diagnosis(from, from.index({image.on("linux/amd64"), bare})).told(),
                ElementsAre("platform-less-artifact manifests[1]"));
    const json real = with(bare, "platform", platform_json("linux/amd64"));
    EXPECT_THAT(diagnosis(from, from.index({image.on("linux/amd64"), real})).told(),
                ElementsAre("artifact-with-platform manifests[1]"));
}

TEST(LintEntries, ImageWithoutAPlatform) {
    registry from;
    const blob image = from.image("linux/amd64");
    const diagnosis wrong(from, from.index({image.descriptor()}));
    EXPECT_THAT(wrong.told(), ElementsAre("image-without-platform manifests[0]"));
    EXPECT_THAT(lint::check(wrong.facts).front().clients, ElementsAre("crane", "regctl", "skopeo"));
}

TEST(LintEntries, OnePlatformTwice) {
    registry from;
    const blob first = from.image("linux/arm64", "first");
    const blob second = from.image("linux/arm64", "second");
    EXPECT_THAT(diagnosis(from, from.index({first.on("linux/arm64"), second.on("linux/arm64/v8")})).told(),
                ElementsAre("same-platform-twice manifests[1]"));
    EXPECT_THAT(diagnosis(from, from.index({first.on("linux/arm/v6"), second.on("linux/arm")})).told(), IsEmpty());
    json old = first.on("windows/amd64");
    old["platform"]["os.version"] = "10.0.20348.1";
    json next = second.on("windows/amd64");
    next["platform"]["os.version"] = "10.0.26100.1";
    EXPECT_THAT(diagnosis(from, from.index({old, next})).told(), IsEmpty());
}

TEST(LintEntries, OneEntryTwice) {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob other = from.image("linux/arm64");
    const diagnosis wrong(from, from.index({image.on("linux/amd64"), image.on("linux/amd64")}));
    EXPECT_THAT(wrong.told(), ElementsAre("duplicate-entry manifests[1]"));
    // An artifact may be about two images.
    const blob sbom = from.artifact();
    const diagnosis right(from, from.index({image.on("linux/amd64"), other.on("linux/arm64"),
                                            sbom.about(image.digest, "sbom"), sbom.about(other.digest, "sbom")}));
    EXPECT_THAT(right.told("duplicate-entry"), IsEmpty());
}

TEST(LintEntries, DigestsAndMediaTypes) {
    registry from;
    const blob image = from.image("linux/amd64");
    const json unknown{{"mediaType", oci_manifest}, {"digest", "blake3:" + std::string(64, 'a')}, {"size", 7}};
    const json plain{{"mediaType", "text/plain"}, {"digest", digest_of('b')}, {"size", 7}};
    const diagnosis wrong(from, from.index({image.on("linux/amd64"), unknown, plain}));
    EXPECT_THAT(wrong.told({"unverifiable-digest", "unknown-media-type"}),
                ElementsAre("unverifiable-digest manifests[1]", "unknown-media-type manifests[2]"));
}

}  // namespace
}  // namespace refract::test
