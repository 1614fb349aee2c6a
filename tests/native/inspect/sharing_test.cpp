// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// One command hashes, asks for and parses each document once, however many walks and predictions look at it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "cli/examination.h"
#include "inspect/image.h"
#include "inspect/memory.h"

namespace refract::test {
namespace {

using testing::IsEmpty;

constexpr std::size_t platforms = 20;

std::string platform_name(std::size_t number) { return "linux/arch" + std::to_string(number); }

class Sharing : public testing::Test {
protected:
    Sharing() {
        std::vector<json> entries;
        // Before the images, so that clients differ from refract.
        const blob sbom = store.artifact();
        entries.push_back(with(sbom.about(digest_of('1'), "sbom"), "platform", platform_json(platform_name(0))));
        const blob lost = store.artifact("application/sarif+json", "lost");
        store.lose(lost.digest);
        entries.push_back(lost.about(digest_of('1'), "scan"));
        for (std::size_t i = 0; i < platforms; ++i) {
            images.push_back(store.image(platform_name(i)));
            entries.push_back(images.back().on(platform_name(i)));
        }
        root = store.index(entries);
        from.tags["v1"] = root.digest;
    }

    std::unique_ptr<inspect::image> open(const std::string& name = "registry.example/app:v1") {
        auto opened = inspect::image::open(from, oci::parse_image_name(name).value(), limits{});
        EXPECT_TRUE(opened.ok());
        return std::move(opened).value();
    }

    /// How often a document was parsed by all who look at it.
    static std::uint32_t parsed(inspect::image& image, const std::string& digest) {
        const auto document = image.documents().find(digest);
        return document == nullptr ? 0 : document->parsed();
    }

    /// Those that were asked for more than once.
    std::vector<std::string> asked_again() const {
        auto all = from.asked;
        std::sort(all.begin(), all.end());
        std::vector<std::string> twice;
        for (std::size_t i = 1; i < all.size(); ++i) {
            if (all[i] == all[i - 1]) twice.push_back(all[i]);
        }
        return twice;
    }

    registry store;
    std::vector<blob> images;
    blob root;
    memory from{store};
};

TEST_F(Sharing, LintParsesEachDocumentOnceForAllPlatformsAndClients) {
    const auto image = open();
    const auto examined = cli::examination::of(*image, limits{}, false);
    ASSERT_TRUE(examined.ok()) << examined.why().message;
    EXPECT_EQ(examined.value()->facts().comparisons.size(), platforms);
    EXPECT_EQ(image->root().document->parsed(), 1u);
    for (const blob& one : images) {
        EXPECT_EQ(parsed(*image, one.digest), 1u);
        EXPECT_EQ(parsed(*image, config_of(one)), 1u);
    }
    EXPECT_THAT(asked_again(), IsEmpty());
}

TEST_F(Sharing, ListingParsesTheRootOnce) {
    const auto image = open();
    inspect::listing_request request;
    const std::string name = platform_name(0);
    request.platform = platform(name);
    ASSERT_TRUE(image->list(request).ok());
    EXPECT_EQ(image->root().document->parsed(), 1u);
    EXPECT_EQ(parsed(*image, images[0].digest), 1u);
}

/// What a repository hands over under a digest has it: were it hashed again, these bytes would be found out.
TEST_F(Sharing, NothingIsHashedThatTheRepositoryHasChecked) {
    const blob other = store.index({images[1].on(platform_name(1))});
    store.replace(root.digest, other.bytes);
    const auto image = open("registry.example/app@" + root.digest);
    EXPECT_EQ(image->root().digest, root.digest);
    ASSERT_TRUE(image->list({}).ok());
    const auto examined = cli::examination::of(*image, limits{}, false);
    ASSERT_TRUE(examined.ok());
    ASSERT_EQ(examined.value()->facts().comparisons.size(), 1u);
    EXPECT_EQ(examined.value()->facts().comparisons.front().selected, images[1].digest);
    for (const auto& guess : examined.value()->facts().comparisons.front().clients) {
        ASSERT_TRUE(guess.predicted.ok()) << guess.predicted.why().message;
        EXPECT_EQ(guess.predicted.value().digest, images[1].digest);
    }
}

TEST_F(Sharing, WalksThatAreGivenBytesHashThem) {
    const auto request = request_for({platform_name(1)});
    resolve::walk walk(request);
    resolve::expected_document expected{
        resolve::document_kind::index, oci_index, root.digest, static_cast<std::int64_t>(root.bytes.size()), {}, 0};
    std::string wrong = root.bytes;
    wrong.back() = ' ';
    EXPECT_EQ(walk.begin(expected, bytes_of(wrong)).why().code, status_code::digest_mismatch);
    resolve::shared_document of_another_digest(digest_of('2'), wrong);
    EXPECT_EQ(walk.begin(expected, of_another_digest).why().code, status_code::digest_mismatch);
    resolve::shared_document right(root.digest, root.bytes);
    EXPECT_TRUE(walk.begin(expected, right).ok());
}

TEST_F(Sharing, WalksSayWhetherTheyWereFedWhatTheyAskedFor) {
    const blob no_manifest = store.put(oci_manifest, "{}");
    const blob index = store.index({no_manifest.descriptor(), images[1].descriptor()});
    const auto request = request_for({platform_name(1)});
    resolve::walk walk(request);
    const resolve::expected_document expected{
        resolve::document_kind::index, oci_index, index.digest, static_cast<std::int64_t>(index.bytes.size()), {}, 0};
    ASSERT_TRUE(walk.begin(expected, bytes_of(index.bytes)).ok());
    // The right bytes, which are no manifest: whoever keeps documents may keep them.
    ASSERT_EQ(walk.needed().expected.digest, no_manifest.digest);
    ASSERT_TRUE(walk.feed(bytes_of(no_manifest.bytes)).ok());
    EXPECT_TRUE(walk.has_accepted());
    ASSERT_EQ(walk.needed().expected.digest, images[1].digest);
    EXPECT_FALSE(walk.feed(bytes_of(std::string(images[1].bytes.size(), ' '))).ok());
    EXPECT_FALSE(walk.has_accepted());
    EXPECT_EQ(walk.feed(bytes_of(images[1].bytes)).why().code, status_code::invalid_argument);
    EXPECT_FALSE(walk.has_accepted());
}

TEST_F(Sharing, KeepsNoMoreParsedThanTheBound) {
    inspect::reader reader(from, root.bytes.size() + images[0].bytes.size());
    const auto document = [&](const blob& one) {
        return reader.document(oci::fetch_request_for(oci::fetch_request::kind::manifest, one.digest, 1u << 20))
            .value();
    };
    EXPECT_EQ(document(root), document(root));
    EXPECT_EQ(document(images[0]), document(images[0]));
    // Beyond it the bytes are kept, and each who asks parses them.
    EXPECT_NE(document(images[1]), document(images[1]));
    EXPECT_EQ(document(images[1])->bytes(), images[1].bytes);
    EXPECT_EQ(document(root), reader.find(root.digest));
    EXPECT_THAT(asked_again(), IsEmpty());
}

TEST_F(Sharing, OtherLimitsParseAgainAndRefusalsAreKept) {
    oci::json_reader json(limits{}.json_depth);
    resolve::shared_document document(root.digest, root.bytes);
    limits few;
    few.entries = 1;
    EXPECT_EQ(document.as<oci::index>(json, few).why().code, status_code::limit_exceeded);
    EXPECT_EQ(document.as<oci::index>(json, few).why().code, status_code::limit_exceeded);
    EXPECT_EQ(document.parsed(), 1u);
    const auto index = document.as<oci::index>(json, limits{});
    ASSERT_TRUE(index.ok());
    EXPECT_EQ(document.as<oci::index>(json, limits{}).value(), index.value());
    EXPECT_EQ(document.as<oci::manifest>(json, limits{}).why().code, status_code::type_mismatch);
    EXPECT_EQ(document.parsed(), 3u);
    // Whoever has it keeps it, whatever the document is read as next.
    EXPECT_EQ(document.as<oci::index>(json, few).why().code, status_code::limit_exceeded);
    EXPECT_EQ(index.value()->entries().size(), platforms + 2);
}

/// What is on the shelf is not asked for, and counts as if it had been.
TEST_F(Sharing, PredictionsTakeFromTheShelfWhatTheyWouldAskFor) {
    const auto image = open();
    ASSERT_TRUE(image->list({}).ok());
    resolve::expected_document expected;
    expected.media_type = oci_index;
    expected.digest = root.digest;
    expected.size = image->root().size();
    for (const std::uint32_t documents : {3u, 4u, 256u}) {
        limits most;
        most.documents = documents;
        for (const auto who : resolve::clients()) {
            const auto alone = [&](resolve::document_shelf* shelf) {
                const std::string name = platform_name(1);
                resolve::predictor predictor(who, platform(name), most, shelf);
                auto moved = predictor.begin(expected, *image->root().document);
                while (moved.ok() && moved.value() == resolve::predictor::step::need) {
                    const blob* const found = store.find(std::string(predictor.needed().expected.digest));
                    moved = found != nullptr ? predictor.feed(bytes_of(found->bytes)) : predictor.missing("gone");
                }
                return moved.ok() ? predictor.predicted().reason : moved.why().message;
            };
            for (const blob& one : images) image->documents().keep(one.digest, one.bytes);
            EXPECT_EQ(alone(&image->documents()), alone(nullptr)) << name_of(who) << ' ' << documents;
        }
    }
}

}  // namespace
}  // namespace refract::test
