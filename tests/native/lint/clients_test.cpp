// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lint/diagnosis.h"

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
    auto windows = of("a", {{client::skopeo, picks("b")}});
    windows.versioned = true;
    const auto found = check(std::move(windows));
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].severity, lint::severity::info);
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

TEST(LintClients, ThoseOfWhichNothingCanBeTold) {
    const auto found = check(of("a", {{client::crane, error{status::ambiguous, "cannot tell"}}}));
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
