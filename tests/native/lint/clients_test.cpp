// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lint/diagnosis.h"
#include "oci/base64.h"

namespace refract::test {
namespace {

using resolve::client;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

resolve::prediction picks(const std::string& digest) {
    resolve::prediction made;
    made.selects = true;
    made.digest = digest;
    made.reason = "a test's reason";
    made.path = {{0, 1}};
    return made;
}

resolve::prediction fails(const std::string& why) {
    resolve::prediction made;
    made.reason = why;
    return made;
}

lint::comparison of(const std::string& selected, std::vector<lint::comparison::guess> guesses) {
    lint::comparison made;
    made.platform = "linux/amd64";
    made.selected = selected;
    made.refusal = selected.empty() ? "nothing matches" : "";
    made.clients = std::move(guesses);
    return made;
}

std::vector<lint::finding> check(lint::comparison one) {
    lint::facts facts;
    facts.comparisons.push_back(std::move(one));
    return lint::check(facts);
}

TEST(LintClients, ThoseThatAgreeAreNotTold) {
    EXPECT_THAT(check(of("a", {{client::crane, picks("a")}, {client::regctl, picks("a")}})), IsEmpty());
    EXPECT_THAT(check(of("", {{client::crane, fails("no entry")}})), IsEmpty());
}

TEST(LintClients, ThoseThatPickAnother) {
    const auto found = check(of("a", {{client::containerd, picks("a")},
                                      {client::crane, picks("b")},
                                      {client::regctl, picks("b")},
                                      {client::skopeo, picks("c")}}));
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].id, "client-picks-other");
    EXPECT_EQ(found[0].severity, lint::severity::error);
    EXPECT_EQ(found[0].digest, "b");
    EXPECT_EQ(found[0].place, "manifests[1]");
    EXPECT_THAT(found[0].clients, ElementsAre("crane", "regctl"));
    EXPECT_THAT(found[0].message, HasSubstr("refract selects a"));
    EXPECT_THAT(found[1].clients, ElementsAre("skopeo"));
}

TEST(LintClients, ThoseThatPickWhereNothingIs) {
    const auto found = check(of("", {{client::crane, picks("b")}}));
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].id, "client-picks-other");
    EXPECT_THAT(found[0].message, HasSubstr("refract selects nothing for it (nothing matches)"));
}

TEST(LintClients, ThoseThatDoNotLookAtVersions) {
    registry from;
    const blob first = from.image("windows/amd64", "first");
    const blob second = from.image("windows/amd64", "second");
    json older = first.on("windows/amd64");
    older["platform"]["os.version"] = "10.0.20348.1";
    json newer = second.on("windows/amd64");
    newer["platform"]["os.version"] = "10.0.26100.1";
    diagnosis found(from, from.index({older, newer}));
    auto windows = of(second.digest, {{client::skopeo, picks(first.digest)}});
    windows.versioned = true;
    found.facts.comparisons.push_back(windows);
    ASSERT_THAT(found.told(), ElementsAre("client-picks-other manifests[1]"));
    EXPECT_EQ(lint::check(found.facts).front().severity, lint::severity::info);
    // What it takes instead must be an image.
    found.facts.comparisons.front().clients.front().predicted = picks(digest_of('a'));
    EXPECT_EQ(lint::check(found.facts).front().severity, lint::severity::error);
    EXPECT_THAT(lint::check(found.facts).front().message, HasSubstr("which is no image"));
}

TEST(LintClients, ThoseThatFail) {
    const auto found = check(of("a", {{client::containerd, fails("it takes manifests[0]")},
                                      {client::crane, fails("no entry")},
                                      {client::regctl, fails("no entry")}}));
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].id, "client-fails");
    EXPECT_EQ(found[0].severity, lint::severity::error);
    EXPECT_THAT(found[0].clients, ElementsAre("containerd"));
    EXPECT_THAT(found[1].clients, ElementsAre("crane", "regctl"));
}

/// A client that cannot verify the digest is not helped by another order.
TEST(LintClients, NoOrderIsAdvisedThatDoesNotHelp) {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob sbom = from.artifact();
    const json about = with(sbom.about(image.digest, "sbom"), "platform", platform_json("unknown/unknown"));
    diagnosis found(from, from.index({about, image.on("linux/amd64")}));
    const std::string selected = "sha512:" + std::string(128, 'a');
    const auto with_guess = [&](resolve::prediction made, resolve::tristate mended) {
        found.facts.comparisons = {};
        found.facts.comparisons.push_back(of(selected, {{client::skopeo, std::move(made), mended}}));
    };
    with_guess(fails("it knows only sha256"), resolve::tristate::no);
    ASSERT_THAT(found.told(), ElementsAre("client-fails"));
    EXPECT_THAT(lint::check(found.facts).front().message, HasSubstr("no order of the entries helps"));
    EXPECT_THAT(lint::check(found.facts).front().message, HasSubstr("name the image by its sha256"));
    with_guess(picks(about["digest"]), resolve::tristate::no);
    ASSERT_THAT(found.told(), ElementsAre("client-picks-other manifests[1]"));
    EXPECT_THAT(lint::check(found.facts).front().message, HasSubstr("no order of the entries helps"));
    // Where it helps it is advised.
    with_guess(picks(about["digest"]), resolve::tristate::yes);
    EXPECT_THAT(found.told(), ElementsAre("client-picks-other manifests[1]", "artifact-before-image manifests[0]"));
    EXPECT_THAT(lint::check(found.facts).front().message, HasSubstr("list that image first"));
}

TEST(LintClients, WhatIsAdvisedIsAnIndex) {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob arm = from.image("linux/arm64/v8");
    const blob sbom = from.artifact();
    const blob inner = from.index({arm.on("linux/arm64/v8"), image.on("linux/amd64")});
    const diagnosis found(from,
                          from.index({sbom.about(image.digest, "sbom"), inner.descriptor(), image.on("linux/amd64")}));
    const json advised = json::parse(lint::advised_index(found.facts));
    std::vector<std::string> listed;
    for (const auto& entry : advised["manifests"]) {
        listed.push_back(entry["digest"].get<std::string>() + ' ' + entry["platform"]["os"].get<std::string>());
    }
    EXPECT_THAT(listed, ElementsAre(image.digest + " linux", arm.digest + " linux", sbom.digest + " unknown"));
    EXPECT_EQ(advised["manifests"][1]["platform"]["variant"], "v8");
    EXPECT_FALSE(advised["manifests"][0].contains("data"));
    // What else is wrong with an entry stays wrong, or the advice would be judged too well.
    const auto size = image.bytes.size();
    const json wrong = with(image.on("linux/amd64"), "data", oci::encode_base64(std::string(size, 'x')));
    const diagnosis spoilt(from, from.index({wrong, with(arm.on("linux/arm64/v8"), "data", "e30=")}));
    const json same = json::parse(lint::advised_index(spoilt.facts));
    EXPECT_EQ(oci::decode_base64(same["manifests"][0]["data"].get<std::string>())->size(), size);
    EXPECT_EQ(same["manifests"][1]["data"], "");
}

TEST(LintClients, ThoseOfWhichNothingCanBeTold) {
    const auto found = check(of("a", {{client::crane, error{status_code::ambiguous, "cannot tell"}}}));
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].id, "client-unknown");
    EXPECT_THAT(found[0].clients, ElementsAre("crane"));
}

TEST(LintClients, NestedIndexes) {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob inner = from.index({image.on("linux/amd64")});
    const diagnosis bare(from, from.index({inner.descriptor()}));
    EXPECT_THAT(bare.told(), ElementsAre("nested-index manifests[0]"));
    EXPECT_THAT(lint::check(bare.facts).front().clients, ElementsAre("regctl", "skopeo"));
    const diagnosis declared(from, from.index({inner.on("linux/amd64")}));
    EXPECT_THAT(lint::check(declared.facts).front().clients, ElementsAre("skopeo"));
}

}  // namespace
}  // namespace refract::test
