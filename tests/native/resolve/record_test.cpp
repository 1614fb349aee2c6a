// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "resolve/searching.h"

namespace refract::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

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
    EXPECT_EQ(again.search.recall(digest, bytes_of("{}")).why().code, status_code::digest_mismatch);

    found nothing(from, root, fetching(), digest_tags);
    nothing.run();
    EXPECT_EQ(nothing.search.record(), "");
}

/// What an artifact is called may be longer than an annotation; it is written down as one.
TEST(Record, IsReadAsItWasWritten) {
    registry from;
    const blob image = from.image(here);
    const blob root = from.index({image.on(here)});
    const std::string type = "application/" + std::string(70'000, 'x');
    const blob scan = from.artifact();
    found got(from, root, fetching(), {resolve::source_referrers_api, false});
    got.refer(root.digest, from.index({}));
    got.refer(image.digest, from.index({with(scan.descriptor(), "artifactType", type)}));
    got.run();
    const std::string record = got.search.record();
    found again(from, root, fetching(), {});
    const status recalled = again.search.recall(sha256_of(record), bytes_of(record));
    ASSERT_FALSE(recalled.failed()) << recalled.why().message;
    ASSERT_EQ(again.search.all().references.size(), 1u);
    EXPECT_EQ(again.search.all().references[0].type, type);

    // What was recalled stays when the next record cannot be read.
    EXPECT_TRUE(again.search.recall(sha256_of("{}"), bytes_of("{}")).failed());
    EXPECT_EQ(again.search.all().references[0].type, type);
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
    EXPECT_EQ(read(scan.about(digest_of('1'), "scan")).why().code, status_code::malformed);
    EXPECT_EQ(read(annotated(whole, "io.refract.found.source", "elsewhere")).why().code, status_code::malformed);
    EXPECT_EQ(read(annotated(whole, reference_digest, "sha256:short")).why().code, status_code::malformed);
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
    EXPECT_EQ(got.failed.code, status_code::ok) << got.failed.message;
    EXPECT_LE(got.search.record().size(), request.limits.document_bytes);
    // What is listed later is what is told now.
    const std::size_t told = got.search.all().references.size();
    EXPECT_GT(told, 0u);
    EXPECT_LT(told, entries.size());
    EXPECT_EQ(json::parse(got.search.record())["manifests"].size(), told);
    EXPECT_THAT(got.search.notices(), testing::Contains(testing::HasSubstr("are left out")));
}

}  // namespace
}  // namespace refract::test
