// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Which entry is selected, and that nothing is read in vain: `needs` is what the walk asked for, in order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry.h"

namespace refract::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr auto compatible = oci::platform_preference::compatible;

TEST(Order, ArtifactsFirst) {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob sbom = from.artifact();
    const blob root = from.index({with(sbom.about(image.digest, "sbom"), "platform", platform_json("linux/amd64")),
                                  sbom.about(image.digest, "sbom"), annotated(sbom.on("unknown/unknown"), "a", "b"),
                                  image.on("linux/amd64")});
    const pull got(from, root, request_for({"linux/amd64"}));
    EXPECT_THAT(got.needs, ElementsAre(image.digest, config_of(image)));
    EXPECT_THAT(got.selected(), ElementsAre(image.digest));
    EXPECT_THAT(got.root_children(), ElementsAre(3));
    EXPECT_THAT(got.root_left_out(), ElementsAre(0, 1));
    EXPECT_TRUE(got.walk.is_child({0, 3}));
    EXPECT_EQ(got.walk.why_not({0, 2}), "artifact (platform unknown/unknown)");
}

TEST(Order, FirstOfEqualMatchesWins) {
    registry from;
    const blob first = from.image("linux/amd64", "first");
    const blob second = from.image("linux/amd64", "second");
    const blob root = from.index({first.on("linux/amd64"), second.on("linux/amd64")});
    const pull got(from, root, request_for({"linux/amd64"}));
    EXPECT_THAT(got.selected(), ElementsAre(first.digest));
    EXPECT_EQ(got.needs.size(), 2u);
    EXPECT_THAT(got.root_left_out(), ElementsAre(1));
    EXPECT_EQ(got.walk.why_not({0, 1}), "an earlier or better match was selected");
}

TEST(Order, BestPlatformWinsWhereverItStands) {
    registry from;
    const blob v5 = from.image("linux/arm/v5");
    const blob arm64 = from.image("linux/arm64");
    const blob v7 = from.image("linux/arm/v7");
    const blob root = from.index({v5.on("linux/arm/v5"), v7.on("linux/arm/v7"), arm64.on("linux/arm64")});
    const pull node(from, root, request_for({"linux/arm64"}, compatible));
    EXPECT_THAT(node.needs, ElementsAre(arm64.digest, config_of(arm64)));
    const pull old(from, root, request_for({"linux/arm/v7"}, compatible));
    EXPECT_THAT(old.selected(), ElementsAre(v7.digest));
}

TEST(Order, NestedInPlace) {
    registry from;
    const blob inner_image = from.image("linux/amd64", "inner");
    const blob outer_image = from.image("linux/amd64", "outer");
    const blob inner = from.index({from.artifact().about(inner_image.digest, "sbom"), inner_image.on("linux/amd64")});

    const pull nested_first(from, from.index({inner.descriptor(), outer_image.on("linux/amd64")}),
                            request_for({"linux/amd64"}));
    EXPECT_THAT(nested_first.selected(), ElementsAre(inner_image.digest));
    EXPECT_EQ(nested_first.walk.read().path_to(nested_first.walk.selections()[0].place).size(), 2u);
    EXPECT_THAT(nested_first.root_children(), ElementsAre(0));

    // The nested index stands behind the best possible match: it is not read.
    const pull image_first(from, from.index({outer_image.on("linux/amd64"), inner.descriptor()}),
                           request_for({"linux/amd64"}));
    EXPECT_THAT(image_first.needs, ElementsAre(outer_image.digest, config_of(outer_image)));
    EXPECT_EQ(image_first.walk.why_not({0, 1}), "nested index, not needed");
}

TEST(Order, NestedIsReadOnlyIfItMightHoldSomethingBetter) {
    registry from;
    const blob best = from.image("linux/amd64/v3", "best");
    const blob plain = from.image("linux/amd64", "plain");
    const blob inner = from.index({best.on("linux/amd64/v3")});
    const blob root = from.index({plain.on("linux/amd64"), inner.descriptor()});
    const pull new_host(from, root, request_for({"linux/amd64/v3"}, compatible));
    EXPECT_THAT(new_host.selected(), ElementsAre(best.digest));
    const pull plain_host(from, root, request_for({"linux/amd64"}, compatible));
    EXPECT_THAT(plain_host.needs, ElementsAre(plain.digest, config_of(plain)));
    // A nested index that says it is for something else is not read either.
    const blob elsewhere = from.index({inner.on("linux/s390x"), plain.on("linux/amd64")});
    const pull skipped(from, elsewhere, request_for({"linux/amd64/v3"}, compatible));
    EXPECT_THAT(skipped.needs, ElementsAre(plain.digest, config_of(plain)));
}

TEST(Order, UndeclaredOnlyIfNothingDeclaredIsProven) {
    registry from;
    const blob bare = from.image("linux/amd64", "bare");
    const blob declared = from.image("linux/amd64", "declared");
    const blob wrong = from.image("linux/s390x", "wrong");
    const pull both(from, from.index({bare.descriptor(), declared.on("linux/amd64")}), request_for({"linux/amd64"}));
    EXPECT_THAT(both.selected(), ElementsAre(declared.digest));
    EXPECT_EQ(both.needs.size(), 2u);

    const pull alone(from, from.index({wrong.descriptor(), bare.descriptor()}), request_for({"linux/amd64"}));
    EXPECT_THAT(alone.selected(), ElementsAre(bare.digest));
    EXPECT_EQ(alone.needs.size(), 4u);
    EXPECT_EQ(alone.walk.why_not({0, 0}), "platform linux/s390x, as its config says, does not match");

    // A declared one in a nested index goes before an undeclared one beside it.
    const blob inner = from.index({declared.on("linux/amd64")});
    const pull deep(from, from.index({bare.descriptor(), inner.descriptor()}), request_for({"linux/amd64"}));
    EXPECT_THAT(deep.needs, ElementsAre(inner.digest, declared.digest, config_of(declared)));
}

/// Of platform-less entries the best wins too, which is known only once their configs are read.
TEST(Order, UndeclaredAreRankedByTheirConfigs) {
    registry from;
    const blob v6 = from.image("linux/arm/v6");
    const blob v7 = from.image("linux/arm/v7");
    const blob root = from.index({v6.descriptor(), v7.descriptor()});
    const pull got(from, root, request_for({"linux/arm/v7"}, compatible));
    EXPECT_THAT(got.selected(), ElementsAre(v7.digest));
    const pull exact(from, root, request_for({"linux/arm/v6"}));
    EXPECT_THAT(exact.selected(), ElementsAre(v6.digest));
    EXPECT_EQ(exact.needs.size(), 2u);
}

TEST(Order, SeveralPlatforms) {
    registry from;
    const blob amd64 = from.image("linux/amd64");
    const blob arm64 = from.image("linux/arm64");
    const blob root = from.index({amd64.on("linux/amd64"), arm64.on("linux/arm64")});
    const pull got(from, root, request_for({"linux/arm64", "linux/amd64"}));
    EXPECT_THAT(got.selected(), ElementsAre(arm64.digest, amd64.digest));
    EXPECT_EQ(got.walk.selections()[0].requested, 0u);
    EXPECT_EQ(got.walk.selections()[1].requested, 1u);
    // One of them suffices; that the other is not there is no error.
    const pull one(from, root, request_for({"linux/s390x", "linux/amd64"}));
    EXPECT_THAT(one.selected(), ElementsAre(amd64.digest));
    EXPECT_EQ(one.walk.selections()[0].requested, 1u);
}

TEST(Order, AllPlatforms) {
    registry from;
    const blob amd64 = from.image("linux/amd64");
    const blob arm64 = from.image("linux/arm64");
    const blob sbom = from.artifact();
    const blob inner = from.index({arm64.on("linux/arm64"), sbom.about(arm64.digest, "sbom")});
    const blob root = from.index({sbom.about(amd64.digest, "sbom"), amd64.on("linux/amd64"), inner.descriptor()});
    const pull got(from, root, request_for({}));
    EXPECT_THAT(got.selected(), ElementsAre(amd64.digest, arm64.digest));
    EXPECT_THAT(got.root_children(), ElementsAre(1, 2));
}

TEST(Order, OtherPlatformsAreChildrenUnproven) {
    registry from;
    const blob amd64 = from.image("linux/amd64");
    const blob arm64 = from.image("linux/arm64");
    const blob second = from.image("linux/amd64", "second");
    const blob root =
        from.index({from.artifact().about(amd64.digest, "sbom"), arm64.on("linux/arm64"), amd64.on("linux/amd64"),
                    second.on("linux/amd64"), from.artifact("text/spdx").on("unknown/unknown")});
    auto request = request_for({"linux/amd64"});
    request.other_platforms = true;
    const pull got(from, root, request);
    EXPECT_THAT(got.root_children(), ElementsAre(1, 2));
    EXPECT_EQ(got.needs.size(), 2u);
}

TEST(Order, EachIndexIsReadOnce) {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob inner = from.index({image.on("linux/s390x")});
    const blob twice =
        from.index({inner.descriptor(), inner.descriptor(), inner.descriptor(), image.on("linux/amd64")});
    const pull got(from, twice, request_for({"linux/amd64"}));
    EXPECT_THAT(got.needs, ElementsAre(inner.digest, image.digest, config_of(image)));
}

TEST(Order, ListingReadsEveryIndexAndNothingElse) {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob deep = from.index({image.on("linux/arm64")});
    const blob inner = from.index({image.on("linux/amd64"), deep.descriptor()});
    const blob gone = from.index({image.on("linux/riscv64")});
    from.lose(gone.digest);
    const blob root =
        from.index({image.on("linux/amd64"), inner.on("linux/s390x"), gone.descriptor(), deep.descriptor()});
    auto request = request_for({"linux/amd64"});
    request.mode = resolve::mode::list;
    const pull got(from, root, request);
    ASSERT_TRUE(got.ok()) << got.message;
    EXPECT_THAT(got.needs, ElementsAre(inner.digest, deep.digest, gone.digest));
    EXPECT_THAT(got.selected(), IsEmpty());
    EXPECT_THAT(got.root_children(), IsEmpty());
}

/// The same walk again gives the same answer, in a fresh walk and in a used one.
TEST(Order, IsDeterministic) {
    registry from;
    std::vector<json> entries;
    for (int i = 0; i < 30; ++i) {
        const blob image = from.image(i % 3 == 0 ? "linux/arm/v6" : "linux/arm/v7", std::to_string(i));
        entries.push_back(i % 5 == 0 ? image.descriptor() : image.on(i % 3 == 0 ? "linux/arm/v6" : "linux/arm/v7"));
        if (i % 4 == 0) entries.push_back(from.index({image.on("linux/arm/v5")}).descriptor());
    }
    const blob root = from.index(entries);
    const pull first(from, root, request_for({"linux/arm64"}, compatible));
    for (int round = 0; round < 5; ++round) {
        const pull again(from, root, request_for({"linux/arm64"}, compatible));
        EXPECT_EQ(again.needs, first.needs);
        EXPECT_EQ(again.selected(), first.selected());
        EXPECT_EQ(again.walk.children(), first.walk.children());
        EXPECT_EQ(again.walk.left_out(), first.walk.left_out());
    }
}

}  // namespace
}  // namespace refract::test
