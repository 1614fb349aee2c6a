// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// What ends a walk and what is only passed over: an unmarked matching entry with a platform must be had and be right,
// everything else is skipped and reported.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry.h"

namespace refract::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

struct faulty {
    const char* name;
    void (*spoil)(registry&, blob&, json& entry);
    status_code code;
    const char* words;
};

const faulty faults[] = {
    {"missing", [](registry& from, blob& of, json&) { from.lose(of.digest); }, status_code::missing,
     "cannot be had: 404 Not Found"},
    {"longer", [](registry& from, blob& of, json&) { from.replace(of.digest, of.bytes + " "); },
     status_code::size_mismatch, "size mismatch"},
    {"empty", [](registry& from, blob& of, json&) { from.replace(of.digest, ""); }, status_code::size_mismatch,
     "got 0"},
    {"other bytes", [](registry& from, blob& of, json&) { from.replace(of.digest, std::string(of.bytes.size(), ' ')); },
     status_code::digest_mismatch, "digest mismatch"},
    {"size 0", [](registry&, blob&, json& entry) { entry["size"] = 0; }, status_code::size_mismatch, "want 0 bytes"},
    {"size 2^31", [](registry&, blob&, json& entry) { entry["size"] = std::int64_t{1} << 31; },
     status_code::limit_exceeded, "2147483648"},
    {"size 2^62", [](registry&, blob&, json& entry) { entry["size"] = std::int64_t{1} << 62; },
     status_code::limit_exceeded, "over the limit"},
    {"truncated",
     [](registry& from, blob& of, json& entry) {
         of = from.put(of.media_type, of.bytes.substr(0, of.bytes.size() - 1));
         entry["digest"] = of.digest;
         entry["size"] = of.bytes.size();
     },
     status_code::malformed, "not valid JSON"},
    {"duplicate key",
     [](registry& from, blob& of, json& entry) {
         of = from.put(of.media_type, "{\"mediaType\":\"\"," + of.bytes.substr(1));
         entry["digest"] = of.digest;
         entry["size"] = of.bytes.size();
     },
     status_code::ambiguous, "stands there twice"},
    {"an index's bytes",
     [](registry& from, blob& of, json& entry) {
         of = from.put(of.media_type, R"({"manifests":[]})");
         entry["digest"] = of.digest;
         entry["size"] = of.bytes.size();
     },
     status_code::type_mismatch, "want a manifest, got an index"},
};

TEST(Refusal, OfADeclaredCandidateEndsTheWalk) {
    for (const auto& fault : faults) {
        registry from;
        blob image = from.image(here);
        const blob second = from.image(here, "second");
        json entry = image.on(here);
        fault.spoil(from, image, entry);
        const pull got(from, from.index({entry, second.on(here)}), request_for({here}));
        EXPECT_EQ(got.code, fault.code) << fault.name << ": " << got.message;
        EXPECT_THAT(got.message, AllOf(HasSubstr("manifests[0]"), HasSubstr(entry["digest"].get<std::string>()),
                                       HasSubstr(fault.words)));
    }
}

TEST(Refusal, OfAPlatformlessCandidateIsPassedOver) {
    for (const auto& fault : faults) {
        registry from;
        blob image = from.image(here);
        const blob second = from.image(here, "second");
        json entry = image.descriptor();
        fault.spoil(from, image, entry);
        const pull got(from, from.index({entry, second.descriptor()}), request_for({here}));
        ASSERT_TRUE(got.ok()) << fault.name << ": " << got.message;
        EXPECT_THAT(got.selected(), ElementsAre(second.digest));
        EXPECT_FALSE(got.walk.why_not({0, 0}).empty());
        // And alone it is no match, with the reason.
        const pull alone(from, from.index({entry}), request_for({here}));
        EXPECT_EQ(alone.code, status_code::no_match);
        EXPECT_THAT(alone.message, HasSubstr(fault.words));
    }
}

TEST(Refusal, OfAConfig) {
    registry from;
    const blob image = from.image(here);
    const std::string config = json::parse(image.bytes)["config"]["digest"];
    from.replace(config, std::string(from.find(config)->bytes.size(), ' '));
    const pull declared(from, from.index({image.on(here)}), request_for({here}));
    EXPECT_EQ(declared.code, status_code::digest_mismatch);
    EXPECT_THAT(declared.message, AllOf(HasSubstr("manifests[0]"), HasSubstr("config " + config)));
    from.lose(config);
    const pull lost(from, from.index({image.descriptor()}), request_for({here}));
    EXPECT_EQ(lost.code, status_code::no_match);
}

TEST(Refusal, OfANestedIndex) {
    registry from;
    const blob image = from.image(here);
    const blob inner = from.index({image.on(here)});
    // With a platform it must be had, without one it is passed over.
    for (const bool declared : {true, false}) {
        const json entry = declared ? inner.on(here) : inner.descriptor();
        registry without = from;
        without.lose(inner.digest);
        const pull got(without, without.index({entry, image.on(here)}), request_for({here}));
        if (declared) {
            EXPECT_EQ(got.code, status_code::missing);
        } else {
            EXPECT_THAT(got.selected(), ElementsAre(image.digest));
            EXPECT_THAT(got.walk.why_not({0, 0}), HasSubstr("cannot be had"));
        }
        // A manifest's bytes where an index was named.
        const json wrong = with(declared ? image.on(here) : image.descriptor(), "mediaType", oci_index);
        const pull mistyped(from, from.index({wrong, from.image(here, "second").on(here)}), request_for({here}));
        EXPECT_EQ(mistyped.code, declared ? status_code::type_mismatch : status_code::ok) << mistyped.message;
    }
}

TEST(Refusal, OfTheRoot) {
    registry from;
    const auto refused = [&](const std::string& bytes) {
        const pull got(from, from.put(oci_index, bytes), request_for({here}));
        EXPECT_THAT(got.message, HasSubstr("index " + sha256_of(bytes)));
        return got.code;
    };
    EXPECT_EQ(refused(""), status_code::malformed);
    EXPECT_EQ(refused("{"), status_code::malformed);
    EXPECT_EQ(refused(R"({"manifests":[],"layers":[]})"), status_code::ambiguous);
    EXPECT_EQ(refused(R"({"manifests":[],"Manifests":[]})"), status_code::ambiguous);
    EXPECT_EQ(refused(from.image(here).bytes), status_code::type_mismatch);
    EXPECT_EQ(refused(R"({"manifests":[{"mediaType":"a","digest":"sha256:zz","size":1}]})"), status_code::malformed);

    resolve::request request = request_for({here});
    resolve::walk walk(request);
    const std::string bytes = R"({"manifests":[]})";
    const auto begun =
        walk.begin({resolve::document_kind::index, oci_manifest, sha256_of(bytes), 16, {}, 0}, bytes_of(bytes));
    ASSERT_TRUE(begun.failed());
    EXPECT_EQ(begun.why().code, status_code::invalid_argument);
}

/// Row 15: what cannot be verified is listed only, even where it has the platform.
TEST(Refusal, UnknownAlgorithms) {
    registry from;
    const blob image = from.image(here);
    const json foreign = with(image.on(here), "digest", "blake3:0123");
    const pull beside(from, from.index({foreign, image.on(here)}), request_for({here}));
    EXPECT_THAT(beside.selected(), ElementsAre(image.digest));
    EXPECT_THAT(beside.walk.why_not({0, 0}), HasSubstr("blake3:0123"));
    const pull alone(from, from.index({foreign}), request_for({here}));
    EXPECT_EQ(alone.code, status_code::no_match);
    EXPECT_THAT(alone.message, HasSubstr("blake3:0123"));
}

/// One digest, named with two sizes: the second is as wrong as wrong bytes.
TEST(Refusal, OneDigestWithTwoSizes) {
    registry from;
    const blob image = from.image("linux/arm64");
    const blob good = from.image(here);
    json lying = good.on(here);
    lying["size"] = good.bytes.size() + 1;
    const pull got(from, from.index({image.on("linux/arm64"), good.on(here), lying}), request_for({}));
    EXPECT_EQ(got.code, status_code::size_mismatch);
    EXPECT_THAT(got.message, HasSubstr("manifests[2]"));
    // What was lost once is not asked for again.
    registry without = from;
    without.lose(good.digest);
    const pull twice(without, without.index({good.descriptor(), good.descriptor(), image.descriptor()}),
                     request_for({}));
    ASSERT_TRUE(twice.ok()) << twice.message;
    EXPECT_EQ(twice.needs.size(), 3u);
}

}  // namespace
}  // namespace refract::test
