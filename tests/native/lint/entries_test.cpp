// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lint/diagnosis.h"
#include "oci/base64.h"

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

TEST(LintEntries, AnIndexWithoutAnImage) {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob sbom = from.artifact();
    const json about = with(sbom.about(image.digest, "sbom"), "platform", platform_json("unknown/unknown"));
    const diagnosis empty(from, from.index({}));
    EXPECT_THAT(empty.told(), ElementsAre("no-image"));
    EXPECT_EQ(lint::check(empty.facts).front().severity, lint::severity::error);
    EXPECT_THAT(diagnosis(from, from.index({about})).told("no-image"), ElementsAre("no-image"));
    // An artifact by its own bytes is none.
    EXPECT_THAT(diagnosis(from, from.index({sbom.on("linux/amd64")})).told("no-image"), ElementsAre("no-image"));
    EXPECT_THAT(diagnosis(from, from.index({from.index({about}).descriptor()})).told("no-image"),
                ElementsAre("no-image"));
    EXPECT_THAT(diagnosis(from, from.index({from.index({image.on("linux/amd64")}).descriptor()})).told("no-image"),
                IsEmpty());
    // What could not be read may hold one.
    const blob gone = from.index({image.on("linux/arm64")});
    from.lose(gone.digest);
    EXPECT_THAT(diagnosis(from, from.index({gone.descriptor()})).told("no-image"), IsEmpty());
    EXPECT_THAT(diagnosis(from, from.index({image.descriptor()})).told("no-image"), IsEmpty());
    // It says itself that it is no image.
    json index = json::parse(from.index({about}).bytes);
    index["artifactType"] = "application/vnd.example.bundle";
    const diagnosis artifact(from, from.write(oci_index, index));
    EXPECT_THAT(artifact.told("no-image"), ElementsAre("no-image"));
    for (const auto& one : lint::check(artifact.facts)) EXPECT_NE(one.severity, lint::severity::error) << one.id;
}

/// As buildx imagetools create writes an artifact's.
TEST(LintEntries, PlatformsThatLackSomething) {
    registry from;
    const blob image = from.image("linux/amd64");
    json entry = from.image("linux/amd64", "second").on("linux/amd64");
    entry["platform"]["architecture"] = "";
    const diagnosis wrong(from, from.index({image.on("linux/amd64"), entry}));
    EXPECT_THAT(wrong.told(), ElementsAre("incomplete-platform manifests[1]"));
    EXPECT_THAT(lint::check(wrong.facts).front().message, HasSubstr("architecture"));
    json marked = with(from.artifact().about(image.digest, "sbom"), "platform", entry["platform"]);
    EXPECT_THAT(diagnosis(from, from.index({image.on("linux/amd64"), marked})).told(),
                ElementsAre("incomplete-platform manifests[1]"));
    EXPECT_THAT(diagnosis(from, from.index({entry})).told("no-image"), ElementsAre("no-image"));
}

/// As soci convert writes it: behind the images, with the platform of its own.
TEST(LintEntries, OfSociNothingIsAdvised) {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob other = from.image("linux/arm64");
    json of_soci = from.artifact("application/vnd.amazon.soci.index.v2+json").on("linux/amd64");
    of_soci["artifactType"] = "application/vnd.amazon.soci.index.v2+json";
    const auto about = [&](const blob& one) {
        return annotated(of_soci, "com.amazon.soci.image-manifest-digest", one.digest);
    };
    EXPECT_THAT(
        diagnosis(from, from.index({image.on("linux/amd64"), other.on("linux/arm64"), about(image), about(other)}))
            .told(),
        IsEmpty());
    json bare = about(image);
    bare.erase("platform");
    EXPECT_THAT(diagnosis(from, from.index({image.on("linux/amd64"), bare})).told(), IsEmpty());
}

TEST(LintEntries, DataThatIsNotTheContent) {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob sbom = from.artifact();
    const json about = with(sbom.about(image.digest, "sbom"), "platform", platform_json("unknown/unknown"));
    const auto filled = [](const json& of) {
        return with(of, "data", oci::encode_base64(std::string(of["size"].get<std::size_t>(), 'x')));
    };
    const diagnosis cut(from, from.index({with(image.on("linux/amd64"), "data", "e30="), about}));
    EXPECT_THAT(cut.told(), ElementsAre("wrong-data manifests[0]"));
    EXPECT_EQ(lint::check(cut.facts).front().severity, lint::severity::warning);
    EXPECT_THAT(lint::check(cut.facts).front().clients, ElementsAre("crane"));
    const diagnosis artifact(from, from.index({image.on("linux/amd64"), filled(about)}));
    EXPECT_THAT(artifact.told(), ElementsAre("wrong-data manifests[1]"));
    EXPECT_EQ(lint::check(artifact.facts).front().severity, lint::severity::warning);
    const diagnosis wrong(from, from.index({filled(image.on("linux/amd64"))}));
    EXPECT_THAT(wrong.told("wrong-data"), ElementsAre("wrong-data manifests[0]"));
    EXPECT_EQ(lint::check(wrong.facts).front().severity, lint::severity::error);
    json manifest = json::parse(image.bytes);
    manifest["config"]["data"] = "e30=";
    manifest["layers"][0]["data"] = "e30=";
    const blob inside = from.write(oci_manifest, manifest);
    EXPECT_THAT(diagnosis(from, from.index({inside.on("linux/amd64")})).told(),
                ElementsAre("wrong-data manifests[0]", "wrong-data manifests[0]"));
    // What is right is no matter.
    const json right = with(image.on("linux/amd64"), "data", oci::encode_base64(image.bytes));
    EXPECT_THAT(diagnosis(from, from.index({right, about})).told(), IsEmpty());
}

}  // namespace
}  // namespace refract::test
