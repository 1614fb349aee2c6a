// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lint/diagnosis.h"

namespace refract::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// The artifact again, with more members in its manifest.
blob changed(registry& in, const blob& artifact, const std::string& key, const json& value) {
    return in.write(artifact.media_type, with(json::parse(artifact.bytes), key, value));
}

struct LintSubjects : testing::Test {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob sbom = from.artifact();

    blob root(const json& artifact) { return from.index({image.on("linux/amd64"), artifact}); }
};

TEST_F(LintSubjects, Malformed) {
    EXPECT_THAT(diagnosis(from, root(sbom.about("sha256:1", "sbom"))).told("malformed-subject"),
                ElementsAre("malformed-subject manifests[1]"));
    EXPECT_THAT(diagnosis(from, root(sbom.about(image.digest, "sbom"))).told("malformed-subject"), IsEmpty());
}

TEST_F(LintSubjects, DisagreesWithTheManifest) {
    const json other{{"mediaType", oci_manifest}, {"digest", digest_of('a')}, {"size", 7}};
    const blob about_other = changed(from, sbom, "subject", other);
    EXPECT_THAT(diagnosis(from, root(about_other.about(image.digest, "sbom"))).told("subject-disagrees"),
                ElementsAre("subject-disagrees manifests[1]"));
    const blob about_image = changed(from, sbom, "subject", image.descriptor());
    EXPECT_THAT(diagnosis(from, root(about_image.about(image.digest, "sbom"))).told("subject-disagrees"), IsEmpty());
}

TEST_F(LintSubjects, DisagreesWithBuildKits) {
    const json both = annotated(sbom.about(image.digest, "sbom"), "vnd.docker.reference.digest", digest_of('a'));
    EXPECT_THAT(diagnosis(from, root(both)).told("subject-disagrees"), ElementsAre("subject-disagrees manifests[1]"));
}

TEST_F(LintSubjects, TypesDisagree) {
    const blob typed = changed(from, sbom, "artifactType", "application/spdx+json");
    const json wrong = with(typed.descriptor(), "artifactType", "application/other");
    const json right = with(typed.descriptor(), "artifactType", "application/spdx+json");
    EXPECT_THAT(diagnosis(from, root(wrong)).told("type-disagrees"), ElementsAre("type-disagrees manifests[1]"));
    EXPECT_THAT(diagnosis(from, root(right)).told("type-disagrees"), IsEmpty());
    const json docker = with(typed.about(image.digest, "sbom"), "mediaType", docker_manifest);
    EXPECT_THAT(diagnosis(from, root(docker)).told("type-disagrees"), ElementsAre("type-disagrees manifests[1]"));
}

TEST_F(LintSubjects, WeakAndDangling) {
    const blob elsewhere = from.image("linux/arm64");
    const json weak = sbom.about(elsewhere.digest, "sbom");
    diagnosis found(from, root(weak));
    EXPECT_THAT(found.told({"weak-reference", "dangling-reference"}), ElementsAre("weak-reference manifests[1]"));
    found.facts.contents[elsewhere.digest].present = resolve::tristate::yes;
    EXPECT_THAT(found.told({"weak-reference", "dangling-reference"}), ElementsAre("weak-reference manifests[1]"));
    found.facts.contents[elsewhere.digest].present = resolve::tristate::no;
    EXPECT_THAT(found.told({"weak-reference", "dangling-reference"}), ElementsAre("dangling-reference manifests[1]"));
}

TEST_F(LintSubjects, Circle) {
    const blob scan = from.artifact("application/json", "scan");
    const blob signature = from.artifact("application/json", "signature");
    const json of_image = signature.about(scan.digest, "signature");
    const auto told = [&](const std::string& subject) {
        return diagnosis(from, from.index({image.on("linux/amd64"), scan.about(subject, "scan"), of_image}))
            .told("cycle")
            .size();
    };
    EXPECT_EQ(told(signature.digest), 1u);
    EXPECT_EQ(told(scan.digest), 1u);  // about itself
    EXPECT_EQ(told(image.digest), 0u);
}

}  // namespace
}  // namespace refract::test
