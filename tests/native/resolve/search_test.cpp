// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>

#include "resolve/searching.h"

namespace refract::test {
namespace {

using resolve::tristate;
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
    EXPECT_EQ(all[0].weak, tristate::no);
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
    const status before = got.search.check_required();
    ASSERT_TRUE(before.failed());
    EXPECT_THAT(before.why().message, AllOf(HasSubstr("scan"), HasSubstr("not carried through")));
    got.run();
    EXPECT_FALSE(got.search.check_required().failed());

    found none(from, root, request, digest_tags);
    none.run();
    const status refused = none.search.check_required();
    ASSERT_TRUE(refused.failed());
    EXPECT_EQ(refused.why().code, status_code::denied);
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
    EXPECT_EQ(got.failed.code, status_code::ok) << got.failed.message;
    ASSERT_EQ(got.search.all().references.size(), 1u);
    EXPECT_EQ(got.search.all().references[0].present, tristate::no);
}

TEST(Search, AnAnswerOverTheLimitEndsIt) {
    registry from;
    const blob image = from.image(here);
    const blob root = from.index({image.on(here)});
    found got(from, root, fetching(), digest_tags);
    const auto questions = got.search.next();
    ASSERT_TRUE(questions.ok());
    const status told = got.search.answer(0, std::string((4u << 20) + 1, ' '));
    ASSERT_TRUE(told.failed());
    EXPECT_EQ(told.why().code, status_code::limit_exceeded);
    EXPECT_EQ(got.search.answer(questions.value().size(), std::string()).why().code, status_code::invalid_argument);
    EXPECT_EQ(got.search.next().why().code, status_code::invalid_argument);  // not all were answered
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
    EXPECT_EQ(got.failed.code, status_code::ok) << got.failed.message;
    EXPECT_THAT(got.search.notices(), Contains(HasSubstr("more than 1000 references")));
    EXPECT_LE(got.asked.size(), 2u);

    // One artifact that is listed very often is looked into once.
    entries.assign(2000, from.artifact().descriptor());
    found again(from, root, fetching(), digest_tags);
    again.tag(tag_of(image.digest), from.index(entries));
    again.run();
    EXPECT_EQ(again.failed.code, status_code::ok) << again.failed.message;
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

/// A pull that wants a scan, of an image whose list of referrers is this.
struct pull_of_list {
    explicit pull_of_list(const std::string& list) : image(from.image(here)), root(from.index({image.on(here)})) {
        request.required_types = {"application/vnd.example.scan"};
        got.emplace(from, root, request, resolve::search::purpose{resolve::source_referrers_api, false});
        got->refer(root.digest, from.index({}));
        got->refer(image.digest, from.put(oci_index, list));
        got->run();
    }

    registry from;
    blob image;
    blob root;
    resolve::request request = fetching();
    std::optional<found> got;
};

std::string list_of(std::size_t count, const std::function<std::string(std::size_t)>& entry) {
    std::string list = R"({"schemaVersion":2,"manifests":[)";
    for (std::size_t number = 0; number < count; ++number) list += (number == 0 ? "" : ",") + entry(number);
    return list + "]}";
}

std::string entry_of(std::size_t number, const std::string& more) {
    const std::string hex = std::to_string(number);
    return R"({"mediaType":")" + std::string(oci_manifest) + R"(","digest":"sha256:)" +
           std::string(64 - hex.size(), '0') + hex + R"(","size":1)" + more + "}";
}

/// What is no referrer counts as well: else a list could be as long as the memory of whoever reads it.
TEST(Search, CountsWhatIsNoReferrer) {
    const std::string about_another = R"(,"annotations":{"org.opencontainers.reference.digest":")" + digest_of('1') +
                                      R"(","org.opencontainers.reference.type":"scan"})";
    const std::size_t most = pull_discovery.entries;
    for (const std::size_t count : {most - 1, most + 1}) {
        const pull_of_list all(list_of(count, [&](std::size_t number) {
            return number % 2 == 0 ? entry_of(number, about_another) : std::string("{}");
        }));
        EXPECT_EQ(all.got->failed.code, status_code::ok) << all.got->failed.message;
        const auto told = testing::Contains(HasSubstr("more than " + std::to_string(most) + " entries"));
        if (count > most) {
            EXPECT_THAT(all.got->search.notices(), told);
        } else {
            EXPECT_THAT(all.got->search.notices(), Not(told));
        }
        EXPECT_THAT(all.got->search.check_required().why().message, HasSubstr("not known"));
    }
}

/// An entry whose bytes would have to say whether it is a referrer is none as long as nobody has read them.
TEST(Search, TakesNoEntryThatItCannotLookInto) {
    const pull_of_list all(list_of(3000, [](std::size_t number) { return entry_of(number, ""); }));
    EXPECT_EQ(all.got->failed.code, status_code::ok) << all.got->failed.message;
    EXPECT_TRUE(all.got->search.all().references.empty());
    EXPECT_LE(all.got->asked.size(), 1003u);
    EXPECT_THAT(all.got->search.notices(), Contains(HasSubstr("limit")));
    EXPECT_THAT(all.got->search.check_required().why().message, HasSubstr("not known"));
}

/// Neither hides what else there is, nor is what it may have been called absent.
TEST(Search, PassesOverAnEntryThatCannotBeRead) {
    const std::string scan = entry_of(7, R"(,"artifactType":"application/vnd.example.scan")");
    for (const std::string& bad :
         {std::string("{}"), entry_of(8, R"(,"annotations":{"a":")" + std::string(65u << 10, 'x') + "\"}"),
          entry_of(8, R"(,"artifactType":")" + std::string(2u << 20, 'x') + '"'), entry_of(8, R"(,"size":1)")}) {
        for (const std::size_t place : {0u, 1u}) {
            const pull_of_list both(list_of(2, [&](std::size_t number) { return number == place ? bad : scan; }));
            EXPECT_EQ(both.got->failed.code, status_code::ok) << both.got->failed.message;
            ASSERT_EQ(both.got->search.all().references.size(), 1u);
            EXPECT_FALSE(both.got->search.check_required().failed());
            EXPECT_THAT(both.got->search.notices(), Contains(HasSubstr("passed over")));
        }
        const pull_of_list alone(list_of(1, [&](std::size_t) { return bad; }));
        EXPECT_THAT(alone.got->search.check_required().why().message, HasSubstr("not known"));
    }
}

/// A record is a document: what strangers attach must not make it too long for anything to be kept.
TEST(Search, LeavesOutOfItsRecordWhatIsTooLong) {
    registry from;
    const blob image = from.image(here);
    const blob root = from.index({image.on(here)});
    const blob scan = from.artifact();
    found got(from, root, fetching(), digest_tags);
    for (const blob& about : {image, root}) {
        std::vector<json> entries{scan.about(about.digest, "scan")};
        for (std::size_t number = 0; number < 9; ++number) {
            const std::string text = entry_of(entries.size() + (about.digest == root.digest ? 100 : 0), "");
            entries.push_back(with(json::parse(text), "artifactType", std::string(400'000, 'x')));
            entries.back()["annotations"] = {{reference_digest, about.digest}, {reference_type, "other"}};
        }
        got.tag(tag_of(about.digest), from.index(entries));
    }
    got.run();
    EXPECT_EQ(got.failed.code, status_code::ok) << got.failed.message;
    EXPECT_LE(got.search.record().size(), limits{}.document_bytes);
    EXPECT_THAT(got.search.record(), HasSubstr(scan.digest));
    EXPECT_THAT(got.search.notices(), Contains(HasSubstr("are left out")));
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
    EXPECT_EQ(got.failed.code, status_code::ok) << got.failed.message;
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
    EXPECT_EQ(got.failed.code, status_code::ok) << got.failed.message;
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
            ASSERT_FALSE(search.answer(i, error{status_code::missing, "not there"}).failed());
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
