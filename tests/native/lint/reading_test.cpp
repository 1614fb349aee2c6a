// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "lint/diagnosis.h"

namespace refract::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// An image, and one more entry of which something is known.
struct LintReading : testing::Test {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob sbom = from.artifact();
    diagnosis found{from, from.index({image.on("linux/amd64"), with(sbom.about(image.digest, "sbom"), "platform",
                                                                    platform_json("unknown/unknown"))})};

    std::vector<std::string> refused(status_code code) {
        found.facts.contents[sbom.digest].refused = error{code, "a test's reason"};
        return found.told();
    }
};

TEST_F(LintReading, WhatIsRefusedIsToldByItsKind) {
    EXPECT_THAT(found.told(), IsEmpty());
    EXPECT_THAT(refused(status_code::ambiguous), ElementsAre("ambiguous manifests[1]"));
    EXPECT_THAT(refused(status_code::malformed), ElementsAre("malformed manifests[1]"));
    EXPECT_THAT(refused(status_code::unsupported), ElementsAre("malformed manifests[1]"));
    EXPECT_THAT(refused(status_code::digest_mismatch), ElementsAre("wrong-bytes manifests[1]"));
    EXPECT_THAT(refused(status_code::size_mismatch), ElementsAre("wrong-bytes manifests[1]"));
    EXPECT_THAT(refused(status_code::limit_exceeded), ElementsAre("over-limit manifests[1]"));
}

TEST_F(LintReading, ARootThatIsRefused) {
    const blob twice = from.put(oci_index, R"({"schemaVersion":2,"manifests":[],"manifests":[]})");
    EXPECT_THAT(diagnosis(from, twice).told(), ElementsAre("ambiguous"));
    EXPECT_THAT(diagnosis(from, from.put(oci_index, "{")).told(), ElementsAre("malformed"));
    limits few;
    few.nesting = 1;
    const blob inner = from.index({from.index({image.on("linux/amd64")}).descriptor()});
    EXPECT_THAT(diagnosis(from, from.index({inner.descriptor()}), few).told(), ElementsAre("over-limit"));
    few = {};
    few.entries = 1;
    EXPECT_THAT(diagnosis(from, from.index({image.on("linux/amd64"), image.on("linux/arm64")}), few).told(),
                ElementsAre("over-limit"));
}

TEST_F(LintReading, WhatIsMissing) {
    found.facts.contents[sbom.digest].present = resolve::tristate::no;
    EXPECT_THAT(found.told(), ElementsAre("missing-entry manifests[1]"));
    EXPECT_EQ(lint::check(found.facts).front().severity, lint::severity::warning);
    found.facts.contents[image.digest].present = resolve::tristate::no;
    EXPECT_THAT(found.told(), ElementsAre("missing-entry manifests[0]", "missing-entry manifests[1]"));
    EXPECT_EQ(lint::check(found.facts).front().severity, lint::severity::error);
}

TEST_F(LintReading, NearALimit) {
    limits tight;
    const blob root = from.index({annotated(image.on("linux/amd64"), "a", std::string(70, 'x'))});
    tight.document_bytes = root.bytes.size() + 1;
    EXPECT_THAT(diagnosis(from, root, tight).told("near-limit"), ElementsAre("near-limit"));
    tight = {};
    tight.annotation_bytes = 80;
    EXPECT_THAT(diagnosis(from, root, tight).told("near-limit"), ElementsAre("near-limit manifests[0]"));
    tight = {};
    tight.nesting = 1;
    const blob outer = from.index({root.on("linux/amd64")});
    EXPECT_THAT(diagnosis(from, outer, tight).told("near-limit"), ElementsAre("near-limit manifests[0]"));
    EXPECT_THAT(diagnosis(from, outer).told("near-limit"), IsEmpty());
    tight = {};
    tight.entries = 4;
    const blob full = from.index(std::vector<json>(4, image.on("linux/amd64")));
    EXPECT_THAT(diagnosis(from, full, tight).told("near-limit"), ElementsAre("near-limit"));
    EXPECT_THAT(diagnosis(from, from.index({full.descriptor()}), tight).told("near-limit"),
                ElementsAre("near-limit manifests[0]"));
}

TEST_F(LintReading, WhatTheRegistryDoesNotDo) {
    found.facts.registry = lint::registry_facts{resolve::tristate::yes, resolve::tristate::yes, resolve::tristate::yes};
    EXPECT_THAT(found.told(), IsEmpty());
    found.facts.registry = lint::registry_facts{};
    EXPECT_THAT(found.told(), IsEmpty());
    found.facts.registry = lint::registry_facts{resolve::tristate::no, resolve::tristate::no, resolve::tristate::no};
    EXPECT_THAT(found.told(), ElementsAre("registry-without-nested-indexes", "registry-without-referrers-api",
                                          "registry-without-etags"));
}

TEST_F(LintReading, TheTableOfRulesHasEachIdOnce) {
    std::set<std::string_view> ids;
    for (const auto& one : lint::rules()) EXPECT_TRUE(ids.insert(one.id).second) << one.id;
    EXPECT_FALSE(ids.empty());
}

}  // namespace
}  // namespace refract::test
