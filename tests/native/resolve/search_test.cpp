// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "resolve/searching.h"

namespace refract::test {
namespace {

using resolve::answer;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

TEST(Search, AsksAboutTheImageAndTheIndexesAroundIt) {
    registry from;
    const blob image = from.image(here);
    const blob other = from.image(there);
    const blob inner = from.index({image.on(here)});
    const blob root = from.index({other.on(there), inner.descriptor()});
    found got(from, root, fetching(), digest_tags);
    got.run();
    EXPECT_THAT(got.asked, UnorderedElementsAre(tag_of(root.digest), tag_of(inner.digest), tag_of(image.digest)));

    auto all = fetching();
    all.references_of_all_platforms = true;
    found more(from, root, all, digest_tags);
    more.run();
    EXPECT_THAT(more.asked, Contains(tag_of(other.digest)));
}

TEST(Search, AsksNothingThatTheIndexTells) {
    registry from;
    const blob image = from.image(here);
    const blob sbom = from.artifact();
    const blob root = from.index({sbom.about(image.digest, "sbom"), image.on(here)});
    const auto asks = [&](const resolve::request& request, resolve::search::purpose what) {
        found got(from, root, request, what);
        got.run();
        return !got.asked.empty();
    };
    auto required = request_for({here});
    EXPECT_FALSE(asks(required, digest_tags));
    EXPECT_TRUE(asks(required, {digest_tags.sources, true}));
    EXPECT_FALSE(asks(required, {resolve::in_index_sources, true}));
    required.required_types = {"sbom"};
    EXPECT_FALSE(asks(required, digest_tags));
    required.required_types = {"sbom", "scan"};
    EXPECT_TRUE(asks(required, digest_tags));
    EXPECT_TRUE(asks(fetching(), digest_tags));
    EXPECT_FALSE(asks(fetching({"sbom"}), digest_tags));
    EXPECT_TRUE(asks(fetching({"sbom", "scan"}), digest_tags));
}

TEST(Search, FollowsWhatIsWanted) {
    registry from;
    const blob image = from.image(here);
    const blob root = from.index({image.on(here)});
    const blob scan = from.artifact("application/vnd.example.scan", "scan");
    const blob audit = from.artifact("application/vnd.example.audit", "audit");
    const blob signature = from.artifact("application/vnd.example.signature", "signature");
    found got(from, root, fetching({"scan", "signature"}), digest_tags);
    got.tag(tag_of(image.digest), from.index({scan.about(image.digest, "scan"), audit.about(image.digest, "audit")}));
    got.tag(tag_of(scan.digest), from.index({signature.about(scan.digest, "signature")}));
    got.tag(tag_of(audit.digest), from.index({signature.about(audit.digest, "signature")}));
    got.run();
    EXPECT_THAT(got.wanted(), UnorderedElementsAre(scan.digest, signature.digest));
    EXPECT_THAT(got.asked, Not(Contains(tag_of(audit.digest))));
}

TEST(Search, MergesWithWhatTheIndexTells) {
    registry from;
    const blob image = from.image(here);
    const blob sbom = from.artifact();
    const blob root = from.index({sbom.about(image.digest, "sbom"), image.on(here)});
    found got(from, root, fetching({"sbom", "licence"}), digest_tags);
    got.tag(tag_of(image.digest), from.index({sbom.about(image.digest, "licence")}));
    got.run();
    const auto& all = got.search.all().references;
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].type, "sbom");
    EXPECT_TRUE(all[0].is_of("licence"));
    EXPECT_EQ(all[0].sources, resolve::source_index | resolve::source_digest_tag);
    EXPECT_EQ(all[0].weak, answer::no);
}

TEST(Search, HoldsWhatIsFoundAgainstWhatIsRequired) {
    registry from;
    const blob image = from.image(here);
    const blob root = from.index({image.on(here)});
    const blob scan = from.artifact();
    auto request = request_for({here});
    request.required_types = {"scan"};
    found got(from, root, request, digest_tags);
    got.tag(tag_of(image.digest), from.index({scan.about(image.digest, "scan")}));
    const outcome before = got.search.check_required();
    ASSERT_TRUE(before.failed());
    EXPECT_THAT(before.why().message, AllOf(HasSubstr("scan"), HasSubstr("not carried through")));
    got.run();
    EXPECT_FALSE(got.search.check_required().failed());

    found none(from, root, request, digest_tags);
    none.run();
    const outcome refused = none.search.check_required();
    ASSERT_TRUE(refused.failed());
    EXPECT_EQ(refused.why().code, status::denied);
    EXPECT_THAT(refused.why().message, Not(HasSubstr("carried")));
}

/// The tag of a digest is anybody's word; what is asked for by digest is not.
TEST(Search, BytesThatDoNotHaveTheirDigestAreMissing) {
    registry from;
    const blob image = from.image(here);
    const blob root = from.index({image.on(here)});
    const blob scan = from.artifact();
    found got(from, root, fetching(), digest_tags);
    got.tag(tag_of(image.digest), from.index({scan.descriptor()}));
    from.replace(scan.digest, from.artifact("application/vnd.example.other").bytes);
    got.run();
    EXPECT_EQ(got.failed.code, status::ok) << got.failed.message;
    ASSERT_EQ(got.search.all().references.size(), 1u);
    EXPECT_EQ(got.search.all().references[0].present, answer::no);
}

TEST(Search, AnAnswerOverTheLimitEndsIt) {
    registry from;
    const blob image = from.image(here);
    const blob root = from.index({image.on(here)});
    found got(from, root, fetching(), digest_tags);
    const auto questions = got.search.next();
    ASSERT_TRUE(questions.ok());
    const outcome told = got.search.answer(0, std::string((4u << 20) + 1, ' '));
    ASSERT_TRUE(told.failed());
    EXPECT_EQ(told.why().code, status::limit_exceeded);
    EXPECT_EQ(got.search.answer(questions.value().size(), std::string()).why().code, status::invalid_argument);
    EXPECT_EQ(got.search.next().why().code, status::invalid_argument);  // not all were answered
}

/// Each answer takes memory, so that too many are not asked for in the first place.
TEST(Search, AsksForNoMoreEntriesThanItMayFind) {
    registry from;
    const blob image = from.image(here);
    const blob root = from.index({image.on(here)});
    std::vector<json> entries;
    const auto name = [](int number) {
        std::string hex = std::to_string(number);
        return "sha256:" + std::string(64 - hex.size(), '0') + hex;
    };
    for (int number = 0; number <= 1000; ++number) {
        entries.push_back(with(from.artifact().descriptor(), "digest", name(number)));
    }
    found got(from, root, fetching(), digest_tags);
    got.tag(tag_of(image.digest), from.index(entries));
    got.run();
    EXPECT_EQ(got.failed.code, status::ok) << got.failed.message;
    EXPECT_THAT(got.search.notices(), Contains(HasSubstr("more than 1000 references")));
    EXPECT_LE(got.asked.size(), 2u);

    // One artifact that is listed very often is looked into once.
    entries.assign(2000, from.artifact().descriptor());
    found again(from, root, fetching(), digest_tags);
    again.tag(tag_of(image.digest), from.index(entries));
    again.run();
    EXPECT_EQ(again.failed.code, status::ok) << again.failed.message;
    EXPECT_THAT(again.asked, Contains(from.artifact().digest).Times(1));
}

/// What containerd gives as referrers may be what the digest's tag names.
TEST(Search, TakesOnlyReferrersOfAListOfReferrers) {
    registry from;
    const blob image = from.image(here);
    const blob root = from.index({image.on(here)});
    const blob scan = from.artifact("application/vnd.example.scan", "scan");
    const blob other = from.artifact("application/vnd.example.other", "other");
    const blob silent = from.artifact("application/vnd.example.silent", "silent");
    found got(from, root, fetching(), {resolve::source_referrers_api, false});
    got.refer(root.digest, from.index({}));  // so that it is known to tell of referrers
    got.refer(image.digest,
              from.index({image.on(here), with(scan.descriptor(), "artifactType", "application/vnd.example.scan"),
                          other.about(digest_of('1'), "signature"), silent.descriptor()}));
    got.run();
    ASSERT_EQ(got.search.all().references.size(), 1u);
    EXPECT_EQ(got.search.all().references[0].digest(), scan.digest);
}

TEST(Search, PassesOverWhatCannotBeRead) {
    registry from;
    const blob image = from.image(here);
    const blob root = from.index({image.on(here)});
    const blob scan = from.artifact();
    auto request = fetching();
    request.required_types = {"scan", "signature"};
    found got(from, root, request, digest_tags);
    got.tag(tag_of(image.digest), from.index({scan.about(image.digest, "scan")}));
    got.tag(tag_of(root.digest), from.put(oci_index, "<html>"));
    got.run();
    EXPECT_EQ(got.failed.code, status::ok) << got.failed.message;
    EXPECT_EQ(got.wanted(), std::vector<std::string>{scan.digest});
    EXPECT_THAT(got.search.notices(), Contains(HasSubstr("not valid JSON")));
    EXPECT_THAT(got.search.check_required().why().message,
                AllOf(HasSubstr(": signature"), HasSubstr("not valid JSON")));
}

/// Attached to each other all round, and to the image.
TEST(Search, EndsInACycle) {
    registry from;
    const blob image = from.image(here);
    const blob root = from.index({image.on(here)});
    const blob one = from.artifact("application/vnd.example.one", "one");
    const blob two = from.artifact("application/vnd.example.two", "two");
    found got(from, root, fetching(), digest_tags);
    got.tag(tag_of(image.digest), from.index({one.about(image.digest, "one")}));
    got.tag(tag_of(one.digest), from.index({two.about(one.digest, "two")}));
    got.tag(tag_of(two.digest), from.index({one.about(two.digest, "one"), two.about(two.digest, "two")}));
    got.run();
    EXPECT_EQ(got.failed.code, status::ok) << got.failed.message;
    EXPECT_EQ(got.search.all().references.size(), 4u);
}

TEST(Search, TellsOfASingleManifest) {
    registry from;
    const blob image = from.image(here);
    const blob scan = from.artifact();
    auto request = fetching();
    request.required_types = {"scan"};
    resolve::search search(request, digest_tags);
    search.begin({image.digest, nullptr}, nullptr);
    auto round = search.next();
    ASSERT_TRUE(round.ok());
    ASSERT_EQ(round.value().size(), 1u);
    EXPECT_EQ(round.value()[0].reference, tag_of(image.digest));
    EXPECT_EQ(round.value()[0].media_type, oci_index);
    ASSERT_FALSE(search.answer(0, from.index({scan.about(image.digest, "scan")}).bytes).failed());
    round = search.next();
    while (round.ok() && !round.value().empty()) {
        for (std::size_t i = 0; i < round.value().size(); ++i) {
            ASSERT_FALSE(search.answer(i, error{status::missing, "not there"}).failed());
        }
        round = search.next();
    }
    ASSERT_TRUE(round.ok());
    EXPECT_FALSE(search.check_required().failed());
    const auto tree = search.tree();
    ASSERT_EQ(tree.size(), 2u);
    EXPECT_EQ(tree[0].kind, resolve::node::kind::image);
    EXPECT_EQ(tree[1].kind, resolve::node::kind::reference);
}

}  // namespace
}  // namespace refract::test
