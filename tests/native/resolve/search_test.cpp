// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "registry.h"

namespace refract::test {
namespace {

using resolve::answer;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

constexpr const char* here = "linux/amd64";
constexpr const char* there = "linux/arm64";

std::string tag_of(const std::string& digest) { return "sha256-" + digest.substr(digest.find(':') + 1); }

resolve::request fetching(std::vector<std::string> types = {}) {
    auto request = request_for({here});
    request.fetch_references = true;
    request.reference_types = std::move(types);
    return request;
}

/// A pull's search through a repository.
class found {
public:
    found(const registry& from, const blob& root, const resolve::request& request, resolve::search::purpose what)
        : from_(from),
          walked_(from, root, request),
          told_(resolve::find_attached(walked_.walk)),
          search(walked_.request, what) {
        EXPECT_TRUE(walked_.ok()) << walked_.message;
        search.begin(resolve::told_by(walked_.walk), &told_);
    }

    void tag(const std::string& name, const blob& what) { tags_[name] = what.digest; }
    void refer(const std::string& subject, const blob& list) { referrers_[subject] = list.digest; }

    /// Answers until there are no more questions.
    void run() {
        for (;;) {
            const auto questions = search.next();
            if (questions.failed()) {
                failed = questions.why();
                return;
            }
            if (questions.value().empty()) return;
            const std::vector<oci::question> round(questions.value().begin(), questions.value().end());
            for (std::size_t i = 0; i < round.size(); ++i) {
                asked.push_back(round[i].reference);
                const outcome told = search.answer(i, reply(round[i]));
                EXPECT_FALSE(told.failed());
            }
        }
    }

    std::vector<std::string> wanted() const {
        std::vector<std::string> all;
        for (const auto& one : search.all().references) {
            if (one.wanted) all.emplace_back(one.digest());
        }
        return all;
    }

private:
    result<std::string> reply(const oci::question& one) const {
        const bool referrers = one.what == oci::question::kind::referrers;
        const auto& names = referrers ? referrers_ : tags_;
        const auto named = names.find(one.reference);
        const blob* const it = from_.find(named == names.end() ? one.reference : named->second);
        if (it == nullptr || (referrers && named == names.end())) return error{status::missing, "not there"};
        return it->bytes;
    }

    const registry& from_;
    pull walked_;
    resolve::attached told_;
    std::map<std::string, std::string> tags_;
    std::map<std::string, std::string> referrers_;

public:
    resolve::search search;
    std::vector<std::string> asked;
    error failed{status::ok, ""};
};

constexpr resolve::search::purpose digest_tags{resolve::source_digest_tag | resolve::source_referrers_tag, false};

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

TEST(Record, TellsWhatWasFoundAndNothingElse) {
    registry from;
    const blob image = from.image(here);
    const blob scan = from.artifact("application/vnd.example.scan", "scan");
    const blob sbom = from.artifact();
    const blob root = from.index({sbom.about(image.digest, "sbom"), image.on(here)});
    found got(from, root, fetching(), digest_tags);
    got.tag(
        tag_of(image.digest),
        from.index({annotated(scan.about(image.digest, "scan"), "org.opencontainers.reference.description", "of it")}));
    got.run();
    const std::string record = got.search.record();
    ASSERT_THAT(record, AllOf(HasSubstr(scan.digest), Not(HasSubstr(sbom.digest))));

    found again(from, root, fetching(), {});
    const std::string digest = sha256_of(record);
    ASSERT_FALSE(again.search.recall(digest, bytes_of(record)).failed());
    EXPECT_THAT(again.asked, IsEmpty());
    ASSERT_EQ(again.search.all().references.size(), 2u);
    const auto& told = again.search.all().references[1];
    EXPECT_EQ(told.digest(), scan.digest);
    EXPECT_EQ(told.subject, image.digest);
    EXPECT_EQ(told.type, "scan");
    EXPECT_EQ(told.description, "of it");
    EXPECT_EQ(told.tag, tag_of(image.digest));
    EXPECT_EQ(told.sources, static_cast<std::uint32_t>(resolve::source_digest_tag));
    EXPECT_EQ(again.search.record(), record);
    EXPECT_EQ(again.search.recall(digest, bytes_of("{}")).why().code, status::digest_mismatch);

    found nothing(from, root, fetching(), digest_tags);
    nothing.run();
    EXPECT_EQ(nothing.search.record(), "");
}

TEST(Record, IsReadStrictly) {
    registry from;
    const blob scan = from.artifact();
    const auto read = [&](const json& entry) {
        resolve::record record;
        return record.read(bytes_of(from.index({entry}).bytes), limits{});
    };
    const json whole =
        annotated(scan.about(digest_of('1'), "scan"), "io.refract.found.source", "digest-tag,cosign-tag");
    EXPECT_FALSE(read(whole).failed());
    EXPECT_EQ(read(scan.about(digest_of('1'), "scan")).why().code, status::malformed);
    EXPECT_EQ(read(annotated(whole, "io.refract.found.source", "elsewhere")).why().code, status::malformed);
    EXPECT_EQ(read(annotated(whole, reference_digest, "sha256:short")).why().code, status::malformed);
}

TEST(Record, IsNoLongerThanADocument) {
    registry from;
    const blob image = from.image(here);
    const blob root = from.index({image.on(here)});
    auto request = fetching();
    request.limits.document_bytes = 4000;
    std::vector<json> entries;
    for (char digit = '0'; digit <= '9'; ++digit) {
        entries.push_back(with(from.artifact().about(image.digest, "scan"), "digest", digest_of(digit)));
    }
    found got(from, root, request, digest_tags);
    got.tag(tag_of(image.digest), from.index(entries));
    got.run();
    EXPECT_EQ(got.failed.code, status::limit_exceeded) << got.failed.message;
    EXPECT_EQ(got.search.record(), "");
    EXPECT_THAT(got.search.all().references, IsEmpty());
}

}  // namespace
}  // namespace refract::test
