// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry.h"

namespace refract::test {
namespace {

using testing::ElementsAre;

/// The tree as lines: two spaces a level, the kind, and the name that the test gave the digest.
std::vector<std::string> tree(const registry& from, const blob& root, const std::map<std::string, std::string>& names,
                              resolve::mode mode = resolve::mode::select) {
    auto request = request_for({here});
    request.mode = mode;
    const pull got(from, root, request);
    EXPECT_TRUE(got.ok()) << got.message;
    const auto all = resolve::find_attached(got.walk);
    std::vector<std::string> lines;
    for (const auto& node : resolve::tree_of(resolve::told_by(got.walk), all.references)) {
        std::string digest;
        std::string line(2 * node.depth, ' ');
        switch (node.kind) {
            case resolve::node::kind::reference:
                line += "ref ";
                digest = all.references[node.reference].digest();
                if (digest.empty()) line += all.references[node.reference].annotation;
                break;
            case resolve::node::kind::subject:
                line += "subject ";
                digest = node.subject;
                break;
            default:
                line += node.kind == resolve::node::kind::index ? "index " : "image ";
                digest = node.place.document == resolve::none ? root.digest
                                                              : std::string(got.walk.read().entry(node.place).digest);
        }
        const auto name = names.find(digest);
        line += name != names.end() ? name->second : digest == root.digest ? "root" : digest;
        if ((node.flags & resolve::node::repeated) != 0) line += " repeated";
        if ((node.flags & resolve::node::unread) != 0) line += " unread";
        if ((node.flags & resolve::node::selected) != 0) line += " selected";
        lines.push_back(line);
    }
    return lines;
}

json fake(char digit, const std::string& about) {
    return blob{oci_manifest, digest_of(digit), "xx"}.about(about, "sbom");
}

const std::map<std::string, std::string> letters{
    {digest_of('a'), "A"}, {digest_of('b'), "B"}, {digest_of('c'), "C"}, {digest_of('d'), "D"}};

TEST(Tree, WhatIsAboutWhat) {
    registry from;
    const blob image = from.image(here);
    const blob inner = from.index({image.on(here), fake('b', image.digest)});
    auto names = letters;
    names[image.digest] = "image";
    names[inner.digest] = "inner";
    const blob root =
        from.index({fake('a', image.digest), fake('c', digest_of('a')), fake('d', inner.digest), inner.descriptor()});
    EXPECT_THAT(tree(from, root, names), ElementsAre("index root", "  index inner", "    image image selected",
                                                     "      ref A", "        ref C", "      ref B", "    ref D"));
}

TEST(Tree, WeakReferencesHangBelowTheirSubject) {
    registry from;
    const blob image = from.image(here);
    auto names = letters;
    names[image.digest] = "image";
    names[digest_of('e')] = "elsewhere";
    const blob root =
        from.index({fake('a', digest_of('e')), fake('b', digest_of('e')), fake('c', digest_of('b')), image.on(here)});
    EXPECT_THAT(tree(from, root, names), ElementsAre("index root", "  image image selected", "  subject elsewhere",
                                                     "    ref A", "    ref B", "      ref C"));
}

TEST(Tree, CyclesEndAtTheFirstRepeat) {
    registry from;
    const blob image = from.image(here);
    auto names = letters;
    names[image.digest] = "image";
    // A and B are about each other.
    EXPECT_THAT(tree(from, from.index({fake('a', digest_of('b')), fake('b', digest_of('a')), image.on(here)}), names),
                ElementsAre("index root", "  image image selected", "  subject B", "    ref A", "      ref B",
                            "        ref A repeated"));
    // A is about itself.
    EXPECT_THAT(
        tree(from, from.index({fake('a', digest_of('a')), image.on(here)}), names),
        ElementsAre("index root", "  image image selected", "  subject A", "    ref A", "      ref A repeated"));
}

/// A → N where N holds A: a nested index, and inside it an artifact about that very index.
TEST(Tree, ArtifactAboutTheIndexThatHoldsIt) {
    registry from;
    const blob image = from.image(here);
    auto names = letters;
    names[image.digest] = "image";
    const blob inner = from.index({image.on(here), blob{oci_manifest, digest_of('a'), "xx"}.descriptor()});
    names[inner.digest] = "inner";
    const blob root = from.index({inner.descriptor(), fake('a', inner.digest)});
    const auto lines = tree(from, root, names);
    EXPECT_EQ(lines.front(), "index root");
    EXPECT_THAT(lines, testing::Contains("    ref A"));
}

TEST(Tree, SecondPathsAreMarked) {
    registry from;
    const blob image = from.image(here);
    const blob inner = from.index({image.on(here)});
    const blob unread = from.index({image.on("linux/arm64")});
    std::map<std::string, std::string> names{
        {image.digest, "image"}, {inner.digest, "inner"}, {unread.digest, "unread"}};
    EXPECT_THAT(
        tree(from, from.index({inner.descriptor(), inner.descriptor(), image.on(here), unread.descriptor()}), names),
        ElementsAre("index root", "  index inner", "    image image selected", "  index inner repeated",
                    "  image image repeated", "  index unread unread"));
    EXPECT_THAT(
        tree(from, from.index({inner.descriptor(), unread.descriptor()}), names, resolve::mode::list),
        ElementsAre("index root", "  index inner", "    image image", "  index unread", "    image image repeated"));
}

/// An entry may call an index a manifest: the entry that is right about it is shown with what it holds.
TEST(Tree, SameDigestUnderTwoKinds) {
    registry from;
    const blob artifact = from.artifact("text/spdx");
    const blob inner = from.index({artifact.on("unknown/unknown")});
    json named = inner.descriptor();
    named["mediaType"] = oci_manifest;
    named["platform"] = {{"os", "linux"}, {"architecture", "amd64"}};
    const auto lines = tree(from, from.index({named, inner.descriptor()}),
                            {{inner.digest, "inner"}, {artifact.digest, "artifact"}}, resolve::mode::list);
    EXPECT_THAT(lines, ElementsAre("index root", "  image inner", "    ref artifact", "  index inner",
                                   "    ref artifact repeated"));
}

TEST(Tree, InlineSignaturesHangBelowTheirImage) {
    registry from;
    const blob image = from.image(here);
    const json entry = annotated(image.on(here), "dev.cosignproject.cosign/signature", "MEU=");
    EXPECT_THAT(tree(from, from.index({entry}), {{image.digest, "image"}}),
                ElementsAre("index root", "  image image selected", "    ref dev.cosignproject.cosign/signature"));
}

/// A chain of thousands must not need a stack of thousands.
TEST(Tree, LongChains) {
    registry from;
    const blob image = from.image(here);
    std::vector<json> entries{image.on(here)};
    std::string about = image.digest;
    for (int i = 0; i < 9000; ++i) {
        const std::string digest = sha256_of("link " + std::to_string(i));
        entries.push_back(blob{oci_manifest, digest, "xx"}.about(about, "s"));
        about = digest;
    }
    const blob root = from.index(entries);
    ASSERT_LE(root.bytes.size(), 4u << 20);
    const pull got(from, root, request_for({here}));
    ASSERT_TRUE(got.ok()) << got.message;
    const auto all = resolve::find_attached(got.walk);
    const auto nodes = resolve::tree_of(resolve::told_by(got.walk), all.references);
    ASSERT_EQ(nodes.size(), 9002u);
    EXPECT_EQ(nodes.back().depth, 9001u);
}

/// Everything about everything with the same digest: lines stay linear in the entries.
TEST(Tree, DenseGraphsStayLinear) {
    registry from;
    const blob image = from.image(here);
    std::vector<json> entries{image.on(here)};
    for (int about = 0; about < 60; ++about) {
        for (int digest = 0; digest < 60; ++digest) {
            entries.push_back(blob{oci_manifest, sha256_of(std::to_string(digest)), "xx"}.about(
                sha256_of(std::to_string(about)), "s"));
        }
    }
    const pull got(from, from.index(entries), request_for({here}));
    ASSERT_TRUE(got.ok()) << got.message;
    const auto all = resolve::find_attached(got.walk);
    EXPECT_LE(resolve::tree_of(resolve::told_by(got.walk), all.references).size(),
              2 * entries.size() + all.references.size());
}

}  // namespace
}  // namespace refract::test
