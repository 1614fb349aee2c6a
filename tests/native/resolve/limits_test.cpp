// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Each limit of base/limits.h, at it and one over it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "registry.h"
#include "resolve/references.h"

namespace refract::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// An index of exactly this many bytes, made up with spaces.
std::string padded(const std::string& document, std::size_t size) {
    return document + std::string(size - document.size(), ' ');
}

TEST(Limits, DocumentOf4MiB) {
    constexpr std::size_t limit = 4u << 20;
    registry from;
    const blob image = from.image(here);
    const std::string index = from.index({image.on(here)}).bytes;
    const pull at(from, from.put(oci_index, padded(index, limit)), request_for({here}));
    EXPECT_TRUE(at.ok()) << at.message;
    const pull over(from, from.put(oci_index, padded(index, limit + 1)), request_for({here}));
    EXPECT_EQ(over.code, status_code::limit_exceeded);
    EXPECT_THAT(over.message, HasSubstr("4194305"));

    const blob largest = from.put(oci_manifest, padded(image.bytes, limit));
    const pull manifest(from, from.index({largest.on(here)}), request_for({here}));
    EXPECT_TRUE(manifest.ok()) << manifest.message;
    const blob larger = from.put(oci_manifest, padded(image.bytes, limit + 1));
    const pull refused(from, from.index({larger.on(here)}), request_for({here}));
    EXPECT_EQ(refused.code, status_code::limit_exceeded);
    // It was not even asked for.
    EXPECT_TRUE(refused.needs.empty());
    // The bytes count, whatever the descriptor says.
    from.replace(image.digest, std::string(limit + 1, ' '));
    const pull lying(from, from.index({image.on(here)}), request_for({here}));
    EXPECT_EQ(lying.code, status_code::limit_exceeded);
}

TEST(Limits, ConfigOf4MiB) {
    constexpr std::size_t limit = 4u << 20;
    registry from;
    json manifest = json::parse(from.image(here).bytes);
    const std::string config = from.find(manifest["config"]["digest"])->bytes;
    for (const std::size_t size : {limit, limit + 1}) {
        manifest["config"] = from.put(oci_config, padded(config, size)).descriptor();
        const pull got(from, from.index({from.write(oci_manifest, manifest).on(here)}), request_for({here}));
        EXPECT_EQ(got.code, size == limit ? status_code::ok : status_code::limit_exceeded) << got.message;
    }
}

TEST(Limits, TenThousandEntries) {
    registry from;
    const blob image = from.image(here);
    std::vector<json> entries(9999,
                              json{{"mediaType", oci_manifest},
                                   {"digest", digest_of('a')},
                                   {"size", 1},
                                   {"annotations", {{reference_digest, image.digest}, {reference_type, "sbom"}}}});
    for (std::size_t i = 0; i < entries.size(); ++i) entries[i]["digest"] = sha256_of(std::to_string(i));
    entries.push_back(image.on(here));
    const blob root = from.index(entries);
    ASSERT_LE(root.bytes.size(), 4u << 20);
    const pull got(from, root, request_for({here}));
    ASSERT_TRUE(got.ok()) << got.message;
    EXPECT_THAT(got.root_children(), ElementsAre(9999));
    EXPECT_EQ(got.needs.size(), 2u);
    EXPECT_EQ(resolve::find_attached(got.walk).references.size(), 9999u);
    // Nothing matches: the error is long, but fits, and says how much it left out.
    const pull none(from, root, request_for({"linux/s390x"}));
    EXPECT_EQ(none.code, status_code::no_match);
    EXPECT_LT(none.message.size(), 4096u);
    EXPECT_THAT(none.message, HasSubstr(" more"));
}

/// Nobody looks at a single one of them, whatever they are, and whoever asks: a pull, or a list.
TEST(Limits, MoreThanTenThousandEntries) {
    for (const std::size_t count : {10'000u, 10'001u, 90'000u}) {
        std::string document = R"({"schemaVersion":2,"manifests":[)";
        for (std::size_t i = 0; i < count; ++i) {
            document += i == 0 ? "" : ",";
            document += R"({"mediaType":"a","digest":"sha256:","size":1})";
        }
        registry from;
        const blob root = from.put(oci_index, document + "]}");
        auto listing = request_for({});
        listing.mode = resolve::mode::list;
        for (const auto& request : {request_for({here}), listing}) {
            const pull got(from, root, request);
            EXPECT_TRUE(got.needs.empty());
            if (count == 10'000) {
                EXPECT_NE(got.code, status_code::limit_exceeded) << got.message;
                continue;
            }
            EXPECT_EQ(got.code, status_code::limit_exceeded) << got.message;
            EXPECT_THAT(got.message, HasSubstr("manifests: has " + std::to_string(count) +
                                               " entries, more than the limit of 10000"));
        }
    }
}

TEST(Limits, MoreThanTenThousandLayers) {
    for (const std::size_t count : {10'000u, 10'001u}) {
        registry from;
        const blob image = from.image(here, "of many layers", count);
        const pull got(from, from.index({image.on(here)}), request_for({here}));
        EXPECT_EQ(got.code, count == 10'000 ? status_code::ok : status_code::limit_exceeded) << got.message;
        EXPECT_THAT(got.message,
                    HasSubstr(count == 10'000 ? "" : "layers: has 10001 entries, more than the limit of 10000"));
    }
}

TEST(Limits, Documents) {
    for (const int spare : {0, 1}) {
        registry from;
        std::vector<json> entries;
        // The root, then 126 platform-less images of another platform: 2 documents each.
        for (int i = 0; i < 126 + spare; ++i)
            entries.push_back(from.image("linux/s390x", std::to_string(i)).descriptor());
        const blob image = from.image(here);
        entries.push_back(image.descriptor());
        const pull got(from, from.index(entries), request_for({here}));
        EXPECT_EQ(got.needs.size(), spare == 0 ? 254u : 255u);
        EXPECT_EQ(got.code, spare == 0 ? status_code::ok : status_code::limit_exceeded) << got.message;
        EXPECT_THAT(got.message, HasSubstr(spare == 0 ? "" : "limit of 256 documents"));
    }
}

/// Missing documents count as well, or a registry could be asked for them without end.
TEST(Limits, MissingDocumentsCount) {
    registry from;
    std::vector<json> entries;
    for (int i = 0; i < 1000; ++i) {
        entries.push_back(
            {{"mediaType", oci_manifest}, {"digest", sha256_of("gone" + std::to_string(i))}, {"size", 10}});
    }
    const pull got(from, from.index(entries), request_for({here}));
    EXPECT_EQ(got.code, status_code::limit_exceeded);
    EXPECT_EQ(got.needs.size(), 255u);
}

TEST(Limits, Nesting) {
    registry from;
    const blob image = from.image(here);
    blob inner = from.index({image.on(here)});
    for (int depth = 1; depth <= 9; ++depth) {
        inner = from.index({inner.descriptor()});
        const pull got(from, inner, request_for({here}));
        EXPECT_EQ(got.code, depth <= 8 ? status_code::ok : status_code::limit_exceeded) << depth << ' ' << got.message;
        auto list = request_for({here});
        list.mode = resolve::mode::list;
        EXPECT_EQ(pull(from, inner, list).code, depth <= 8 ? status_code::ok : status_code::limit_exceeded) << depth;
    }
}

/// Row 7: 7 documents of which each names the next a hundred times; a naive client visits it 100^6 times.
TEST(Limits, IndexBomb) {
    registry from;
    blob inner = from.index({from.image("linux/s390x").on("linux/s390x")});
    for (int level = 0; level < 7; ++level) {
        std::vector<json> entries(100, inner.descriptor());
        for (std::size_t i = 0; i < entries.size(); ++i) entries[i] = annotated(entries[i], "n", std::to_string(i));
        inner = from.index(entries);
    }
    const auto start = std::chrono::steady_clock::now();
    const pull got(from, inner, request_for({here}));
    EXPECT_EQ(got.code, status_code::no_match);
    EXPECT_EQ(got.needs.size(), 7u);
    EXPECT_LT(got.message.size(), 4096u);
    auto list = request_for({});
    list.mode = resolve::mode::list;
    const pull listed(from, inner, list);
    EXPECT_EQ(listed.needs.size(), 7u);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

/// Wide instead of deep: 300 different nested indexes.
TEST(Limits, ManyNestedIndexes) {
    registry from;
    std::vector<json> entries;
    for (int i = 0; i < 300; ++i) {
        entries.push_back(from.index({with(from.image("linux/s390x").on("linux/s390x"), "size", i)}).descriptor());
    }
    const pull got(from, from.index(entries), request_for({here}));
    EXPECT_EQ(got.code, status_code::limit_exceeded);
    EXPECT_EQ(got.needs.size(), 255u);
}

TEST(Limits, AreTheRequests) {
    registry from;
    const blob image = from.image(here);
    const blob root = from.index({image.on(here)});
    const auto code = [&](auto&& change) {
        auto request = request_for({here});
        change(request.limits);
        return pull(from, root, request).code;
    };
    EXPECT_EQ(code([&](limits& l) { l.document_bytes = root.bytes.size(); }),
              status_code::limit_exceeded);  // the manifest is larger
    EXPECT_EQ(code([&](limits& l) { l.document_bytes = image.bytes.size(); }), status_code::ok);
    EXPECT_EQ(code([](limits& l) { l.config_bytes = 10; }), status_code::limit_exceeded);
    EXPECT_EQ(code([](limits& l) { l.json_depth = 4; }), status_code::ok);
    EXPECT_EQ(code([](limits& l) { l.json_depth = 3; }), status_code::limit_exceeded);
    EXPECT_EQ(code([](limits& l) { l.documents = 3; }), status_code::ok);
    EXPECT_EQ(code([](limits& l) { l.documents = 2; }), status_code::limit_exceeded);
}

}  // namespace
}  // namespace refract::test
