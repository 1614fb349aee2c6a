// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "inspect/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "inspect/memory.h"

namespace refract::test {
namespace {

using resolve::tristate;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using kind = oci::fetch_request::kind;

constexpr const char* app = "registry.example/app:v1";

std::string digest_tag(const std::string& digest) { return "sha256-" + digest.substr(7); }

/// A manifest with a subject, as OCI 1.1 has it.
blob referrer(registry& to, const blob& subject, const std::string& type) {
    const blob plain = to.artifact("application/spdx+json", type);
    json manifest = json::parse(plain.bytes);
    manifest["subject"] = subject.descriptor();
    manifest["artifactType"] = type;
    return to.write("application/vnd.oci.image.manifest.v1+json", manifest);
}

json of_type(const blob& artifact, const std::string& type) {
    return with(artifact.descriptor(), "artifactType", type);
}

struct listed {
    listed(memory& from, const inspect::listing_request& request = {}, const std::string& name = app) {
        auto parsed = oci::parse_image_name(name);
        auto opened = inspect::image::open(from, parsed.value(), limits{});
        if (opened.failed()) {
            code = opened.why().code;
            message = opened.why().message;
            return;
        }
        image = std::move(opened).value();
        auto all = image->list(request);
        if (all.failed()) {
            code = all.why().code;
            message = all.why().message;
            return;
        }
        listing = *all.value();
    }
    /// "<digest> <sources>" of each that is told.
    std::vector<std::pair<std::string, std::uint32_t>> told() const {
        std::vector<std::pair<std::string, std::uint32_t>> all;
        for (const auto number : listing.told) {
            all.emplace_back(listing.references[number].digest(), listing.references[number].sources);
        }
        return all;
    }

    status_code code = status_code::ok;
    std::string message;
    std::unique_ptr<inspect::image> image;
    inspect::listing listing;
};

class Inspect : public testing::Test {
protected:
    registry store;
    blob image = store.image(here);
    blob sbom = store.artifact();
    blob root = store.index({image.on(here), sbom.about(image.digest, "sbom")});
    memory from{store};

    Inspect() { from.tags["v1"] = root.digest; }
};

TEST_F(Inspect, AsksOnlyForTheIndexWhereOnlyThatIsWanted) {
    inspect::listing_request request;
    request.sources = resolve::source_index;
    const listed got(from, request);
    EXPECT_THAT(got.told(), ElementsAre(std::pair(sbom.digest, resolve::source_index)));
    EXPECT_THAT(from.asked, ElementsAre("v1"));
}

TEST_F(Inspect, AsksTheApiOnceWhereThereIsNone) {
    from.has_api = false;
    const listed got(from);
    EXPECT_EQ(std::count_if(from.asked.begin(), from.asked.end(),
                            [](const auto& one) { return one.starts_with("referrers"); }),
              1);
    EXPECT_THAT(got.told(), SizeIs(1));
}

TEST_F(Inspect, MergesTheSameReferenceOfTwoSources) {
    const blob vex = referrer(store, image, "application/vnd.example.vex");
    from.referrers[image.digest] = {store.index({of_type(vex, "application/vnd.example.vex")}).bytes};
    const blob tagged = store.index({of_type(vex, "application/vnd.example.vex")});
    from.tags[digest_tag(image.digest)] = tagged.digest;
    const listed got(from);
    EXPECT_THAT(got.told(), UnorderedElementsAre(
                                std::pair(sbom.digest, resolve::source_index),
                                std::pair(vex.digest, resolve::source_referrers_api | resolve::source_referrers_tag)));
}

TEST_F(Inspect, TellsAReferrersTagFromADigestTagByTheSubject) {
    const blob vex = referrer(store, image, "application/vnd.example.vex");
    const blob scan = store.artifact("application/sarif+json", "scan");
    const blob tagged =
        store.index({image.on(here), of_type(vex, "application/vnd.example.vex"), scan.about(image.digest, "scan")});
    from.tags[digest_tag(image.digest)] = tagged.digest;
    const listed got(from);
    EXPECT_THAT(got.told(), UnorderedElementsAre(std::pair(sbom.digest, resolve::source_index),
                                                 std::pair(vex.digest, resolve::source_referrers_tag),
                                                 std::pair(scan.digest, resolve::source_digest_tag)));
}

TEST_F(Inspect, FindsSuffixedDigestTagsAndCosignTagsInOneListOfTags) {
    const blob scan = store.artifact("application/sarif+json", "scan");
    const blob tagged = store.index({image.on(here), scan.about(image.digest, "scan")});
    const blob signature = store.artifact("application/vnd.dev.cosign.simplesigning.v1+json", "signature");
    from.tags[digest_tag(image.digest) + ".0123456789abcdef"] = tagged.digest;
    const blob meta = store.artifact("application/vnd.example.meta", "meta");
    from.tags[digest_tag(image.digest) + ".meta"] = meta.digest;
    from.tags[digest_tag(image.digest) + "0"] = meta.digest;
    from.tags[digest_tag(image.digest) + ".sig"] = signature.digest;
    const listed got(from);
    EXPECT_THAT(got.told(), UnorderedElementsAre(std::pair(sbom.digest, resolve::source_index),
                                                 std::pair(scan.digest, resolve::source_digest_tag),
                                                 std::pair(meta.digest, resolve::source_digest_tag),
                                                 std::pair(signature.digest, resolve::source_cosign_tag)));
    EXPECT_EQ(std::count(from.asked.begin(), from.asked.end(), "tags"), 1);
}

TEST_F(Inspect, ProbesForTagsWhereTheyCannotBeListedAndSaysSo) {
    from.lists_tags = false;
    const blob signature = store.artifact("application/vnd.dev.cosign.simplesigning.v1+json", "signature");
    from.tags[digest_tag(image.digest) + ".sig"] = signature.digest;
    const listed got(from);
    EXPECT_THAT(got.told(), UnorderedElementsAre(std::pair(sbom.digest, resolve::source_index),
                                                 std::pair(signature.digest, resolve::source_cosign_tag)));
    EXPECT_THAT(got.listing.notices, ElementsAre(HasSubstr("suffix were not looked for")));
}

/// Registries without the API answer with many things; all mean that there is none here, and the tags are looked at.
TEST_F(Inspect, ShowsWhatItFindsWhereListsCannotBeHad) {
    const blob scan = store.artifact("application/sarif+json", "scan");
    from.tags[digest_tag(image.digest)] = store.index({scan.about(image.digest, "scan")}).digest;
    const auto both = UnorderedElementsAre(std::pair(sbom.digest, resolve::source_index),
                                           std::pair(scan.digest, resolve::source_digest_tag));
    for (const status_code code : {status_code::unreachable, status_code::denied, status_code::malformed,
                                   status_code::limit_exceeded, status_code::type_mismatch, status_code::internal}) {
        from.failing = {{kind::referrers, {code, "429 and a page for people"}}};
        const listed got(from);
        EXPECT_EQ(got.code, status_code::ok) << got.message;
        EXPECT_THAT(got.told(), both);
        EXPECT_THAT(got.listing.notices, ElementsAre(HasSubstr("a page for people")));
        from.failing = {{kind::tags, {code, "tags of app: 500"}}};
        EXPECT_THAT(listed(from).told(), both);
        EXPECT_THAT(listed(from).listing.notices, SizeIs(1));
    }
    for (const char* const page : {"{}", "<html>", "[]", "", R"({"schemaVersion":2,"layers":[]})"}) {
        from.failing.clear();
        from.referrers[root.digest] = {page};
        const listed got(from);
        EXPECT_EQ(got.code, status_code::ok) << got.message;
        EXPECT_THAT(got.told(), both) << page;
        EXPECT_THAT(got.listing.notices, ElementsAre(HasSubstr("referrers of " + root.digest))) << page;
    }
    from.failing = {{kind::manifest, {status_code::unreachable, "the deadline has passed"}},
                    {kind::referrers, {status_code::unreachable, "the deadline has passed"}},
                    {kind::tags, {status_code::unreachable, "the deadline has passed"}}};
    const listed got(from);
    EXPECT_THAT(got.told(), ElementsAre(std::pair(sbom.digest, resolve::source_index)));
    EXPECT_THAT(got.listing.notices, testing::Contains(HasSubstr("deadline")));
    from.failing = {{kind::referrers, {status_code::cancelled, "cancelled"}}};
    EXPECT_EQ(listed(from).code, status_code::cancelled);
}

TEST_F(Inspect, KnowsWhatASilentEntryOfTheIndexIsAbout) {
    const blob vex = referrer(store, image, "application/vnd.openvex+json");
    const blob weak = referrer(store, store.image("linux/s390x"), "application/vnd.openvex+json");
    from.tags["v1"] =
        store.index({image.on(here), of_type(vex, "application/vnd.openvex+json"), weak.descriptor()}).digest;
    inspect::listing_request request;
    request.sources = resolve::source_index;
    request.type = "vex";
    const listed got(from, request);
    ASSERT_EQ(got.listing.told.size(), 2u) << got.message;
    for (const auto& one : got.listing.references) {
        EXPECT_EQ(one.subject == image.digest, one.digest() == vex.digest);
        EXPECT_EQ(one.weak, one.digest() == vex.digest ? tristate::no : tristate::yes) << one.digest();
    }
}

TEST_F(Inspect, OnlyTheImageItselfIsNotOptional) {
    const listed got(from);
    EXPECT_EQ(from.with_budget + 1, from.asked.size());
}

TEST_F(Inspect, FollowsReferencesOfReferencesAndEndsAtACycle) {
    const blob first = referrer(store, sbom, "application/vnd.example.first");
    const blob second = referrer(store, first, "application/vnd.example.second");
    from.referrers[sbom.digest] = {store.index({of_type(first, "application/vnd.example.first")}).bytes};
    from.referrers[first.digest] = {store.index({of_type(second, "application/vnd.example.second")}).bytes};
    // The registry claims that the first is about the second, too.
    from.referrers[second.digest] = from.referrers[sbom.digest];
    const listed got(from);
    EXPECT_THAT(got.told(), SizeIs(4));  // the first about two subjects
    EXPECT_LE(got.listing.tree.size(), 8u);
}

TEST_F(Inspect, ShowsDanglingAndWeakOnesAsSuch) {
    const std::string nowhere = "sha256:" + std::string(64, 'f');
    const blob lost = store.artifact("application/sarif+json", "lost");
    const blob weak = store.artifact("application/sarif+json", "weak");
    const blob tagged =
        store.index({image.on(here), of_type(lost, "application/sarif+json"), weak.about(nowhere, "scan")});
    from.tags[digest_tag(image.digest)] = tagged.digest;
    store.lose(lost.digest);
    const listed got(from);
    for (const auto& one : got.listing.references) {
        EXPECT_EQ(one.present == tristate::no, one.digest() == lost.digest) << one.digest();
        EXPECT_EQ(one.weak, one.digest() == weak.digest ? tristate::yes : tristate::no) << one.digest();
    }
    EXPECT_THAT(got.told(), SizeIs(3));
}

TEST_F(Inspect, FindsWhatIsAttachedToASingleManifest) {
    const blob vex = referrer(store, image, "application/vnd.example.vex");
    from.referrers[image.digest] = {store.index({of_type(vex, "application/vnd.example.vex")}).bytes};
    const listed got(from, {}, "registry.example/app@" + image.digest);
    EXPECT_THAT(got.told(), ElementsAre(std::pair(vex.digest, resolve::source_referrers_api)));
    ASSERT_THAT(got.listing.tree, SizeIs(2));
    EXPECT_EQ(got.listing.tree.front().kind, resolve::node::kind::image);
}

TEST_F(Inspect, ScansEveryIndexOfTheRepositoryWhenAskedTo) {
    inspect::listing_request request;
    request.scan_tags = true;
    const listed got(from, request, "registry.example/app@" + image.digest);
    EXPECT_THAT(got.told(), ElementsAre(std::pair(sbom.digest, resolve::source_index)));
    const listed without(from, {}, "registry.example/app@" + image.digest);
    EXPECT_THAT(without.told(), IsEmpty());
}

TEST_F(Inspect, StopsAtTheLimitAndSaysSo) {
    std::vector<json> entries;
    for (int i = 0; i < 4; ++i) {
        const std::string type = "application/vnd.example.v" + std::to_string(i);
        entries.push_back(of_type(referrer(store, image, type), type));
    }
    from.referrers[image.digest] = {store.index(entries).bytes};
    inspect::listing_request request;
    request.discovery.found = 4;
    EXPECT_EQ(listed(from, request).code, status_code::ok);
    request.discovery.found = 3;
    const listed got(from, request);
    EXPECT_EQ(got.code, status_code::ok);
    EXPECT_EQ(got.listing.told.size(), 4u) << "the index's own, and three";
    EXPECT_THAT(got.listing.notices, ElementsAre(HasSubstr("more than 3 references")));
}

TEST_F(Inspect, ATagThatStandsForTheDigestItselfHoldsNothing) {
    from.tags[digest_tag(image.digest)] = image.digest;
    const listed got(from);
    EXPECT_THAT(got.told(), SizeIs(1));
    EXPECT_THAT(got.listing.notices, IsEmpty());
}

TEST_F(Inspect, NarrowsToTheImageOfOnePlatform) {
    const blob other = store.image("linux/arm64", "other");
    const blob other_sbom = store.artifact("application/spdx+json", "other");
    const blob both = store.index({image.on(here), other.on("linux/arm64"), sbom.about(image.digest, "sbom"),
                                   other_sbom.about(other.digest, "sbom")});
    from.tags["v1"] = both.digest;
    inspect::listing_request request;
    request.platform = platform("linux/arm64");
    const listed got(from, request);
    EXPECT_THAT(got.told(), ElementsAre(std::pair(other_sbom.digest, resolve::source_index)));
    EXPECT_THAT(got.listing.tree, SizeIs(3));  // the index, the image, what is about it
}

TEST_F(Inspect, NarrowsByEachTypeOfAReference) {
    const json signature = with(sbom.about(image.digest, "signature"), "artifactType", "application/spdx+json");
    from.tags["v1"] = store.index({image.on(here), sbom.about(image.digest, "sbom"), signature}).digest;
    inspect::listing_request request;
    request.sources = resolve::source_index;
    for (const char* const type : {"sbom", "signature", "application/spdx+json"}) {
        request.type = type;
        EXPECT_THAT(listed(from, request).told(), ElementsAre(std::pair(sbom.digest, resolve::source_index))) << type;
    }
    request.type = "scan";
    EXPECT_THAT(listed(from, request).told(), IsEmpty());
}

TEST_F(Inspect, NarrowsByAnnotationsOfDescriptorAndManifest) {
    const blob scan = store.artifact("application/sarif+json", "scan");
    json manifest = json::parse(scan.bytes);
    manifest["annotations"] = {{"made.by", "scanner"}};
    const blob annotated_scan = store.write("application/vnd.oci.image.manifest.v1+json", manifest);
    const blob both = store.index({image.on(here), annotated(sbom.about(image.digest, "sbom"), "made.by", "builder"),
                                   annotated_scan.about(image.digest, "scan")});
    from.tags["v1"] = both.digest;
    inspect::listing_request request;
    request.annotations = {{"made.by", "scanner"}};
    EXPECT_THAT(listed(from, request).told(), ElementsAre(std::pair(annotated_scan.digest, resolve::source_index)));
    request.annotations = {{"made.by", "builder"}};
    EXPECT_THAT(listed(from, request).told(), ElementsAre(std::pair(sbom.digest, resolve::source_index)));
}

}  // namespace
}  // namespace refract::test
