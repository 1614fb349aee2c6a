// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Real indexes, spoilt at random with a fixed seed: a walk ends, with an answer or an error, and what it answers holds
// together. Meant to run under AddressSanitizer and UndefinedBehaviorSanitizer as well.
#include <gtest/gtest.h>

#include <random>

#include "registry.h"
#include "resolve/tree.h"

namespace refract::test {
namespace {

/// An index with a bit of everything.
const blob& everything(registry& from) {
    const blob image = from.image(here);
    const blob arm = from.image("linux/arm/v7");
    const blob sbom = from.artifact();
    const blob inner = from.index({arm.on("linux/arm/v7"), sbom.about(arm.digest, "sbom"), image.descriptor()});
    json windows = from.image("windows/amd64").on("windows/amd64");
    windows["platform"]["os.version"] = "10.0.20348.1";
    windows["platform"]["os.features"] = {"win32k"};
    return from.index({sbom.about(image.digest, "sbom"),
                       annotated(sbom.descriptor(), "vnd.docker.reference.type", "attestation"),
                       with(sbom.descriptor(), "artifactType", "application/spdx+json"), windows, inner.descriptor(),
                       annotated(image.on(here), "dev.cosignproject.cosign/signature", "MEU="), inner.on("linux/arm"),
                       with(from.put("text/plain", "{}").descriptor(), "data", "e30="),
                       with(image.descriptor(), "urls", {"https://example.test/"})});
}

/// Changes one thing: a byte, a run of bytes, a piece of the document itself, or a word that JSON knows.
std::string mutated(std::string text, std::mt19937& random) {
    static const std::string words[] = {"{",
                                        "}",
                                        "[",
                                        "]",
                                        ",",
                                        ":",
                                        "\"",
                                        "\\",
                                        "null",
                                        "true",
                                        "-1",
                                        "1e9",
                                        "\"\"",
                                        "{}",
                                        "[]",
                                        "\"size\":1,",
                                        "\"mediaType\":\"\",",
                                        "\\ud800",
                                        "\xEF\xBB\xBF",
                                        "\xC5\xBF",
                                        "\xFF",
                                        std::string(1, '\0'),
                                        "9223372036854775808",
                                        "sha256:",
                                        "\"manifests\":[],"};
    const auto below = [&](std::size_t count) { return random() % std::max<std::size_t>(count, 1); };
    for (auto changes = 1 + below(4); changes > 0; --changes) {
        const std::size_t at = below(text.size());
        switch (below(6)) {
            case 0:
                if (!text.empty()) text[at] = static_cast<char>(random());
                break;
            case 1:
                text.erase(at, 1 + below(40));
                break;
            case 2:
                text.insert(at, words[below(std::size(words))]);
                break;
            case 3:
                text.insert(at, text.substr(below(text.size()), below(80)));
                break;
            case 4:
                text.replace(at, below(10), words[below(std::size(words))]);
                break;
            default:
                std::swap(text[at], text[below(text.size())]);
        }
    }
    return text;
}

/// Walks in both modes and reads everything that comes of it.
bool walk_through(const registry& from, const blob& root) {
    bool accepted = false;
    for (const auto mode : {resolve::mode::select, resolve::mode::list}) {
        auto request = request_for({here, "linux/arm64"}, oci::platform_preference::compatible);
        request.mode = mode;
        request.other_platforms = true;
        request.fetch_references = true;
        const pull got(from, root, request);
        if (!got.ok()) {
            EXPECT_FALSE(got.message.empty());
            EXPECT_TRUE(got.code != status_code::internal && got.code != status_code::out_of_memory) << got.message;
            accepted = accepted || got.code == status_code::no_match;
            continue;
        }
        accepted = true;
        const auto all = resolve::find_attached(got.walk);
        for (const auto& node : resolve::tree_of(resolve::told_by(got.walk), all.references))
            EXPECT_LE(node.depth, 2 + all.references.size() + 8);
        for (const auto& one : all.references) {
            EXPECT_LT(one.place.document, got.walk.read().size());
            EXPECT_FALSE(one.wanted && one.descriptor == nullptr);
        }
        for (const auto place : got.walk.left_out()) EXPECT_FALSE(got.walk.why_not(place).empty());
        for (const auto& chosen : got.walk.selections()) {
            EXPECT_EQ(got.walk.read().path_to(chosen.place).front().document, 0u);
        }
    }
    return accepted;
}

TEST(Mutation, EndsInAnAnswerOrAnError) {
    registry from;
    const blob root = everything(from);
    ASSERT_TRUE(walk_through(from, root));
    std::mt19937 random(20260131);  // NOLINT: a fixed seed, so that a failure can be had again
    int accepted = 0;
    constexpr int rounds = 4000;
    for (int round = 0; round < rounds; ++round) {
        const std::string bytes = mutated(root.bytes, random);
        const blob spoilt{oci_index, sha256_of(bytes), bytes};
        SCOPED_TRACE(bytes);
        const bool good = walk_through(from, spoilt);
        accepted += good ? 1 : 0;
        // Another parser, as a second opinion on the syntax: what is accepted is one JSON document.
        if (good) {
            EXPECT_TRUE(json::accept(bytes));
        }
    }
    // If nearly all were refused (or none), this tests nothing.
    EXPECT_GT(accepted, rounds / 100);
    EXPECT_LT(accepted, rounds * 9 / 10);
}

TEST(Mutation, TruncatedIsNeverAccepted) {
    registry from;
    const blob root = everything(from);
    for (std::size_t size = 0; size < root.bytes.size(); ++size) {
        const std::string bytes = root.bytes.substr(0, size);
        const pull got(from, blob{oci_index, sha256_of(bytes), bytes}, request_for({here}));
        ASSERT_EQ(got.code, status_code::malformed) << size;
    }
}

TEST(Mutation, TrailingBytesAreNeverAccepted) {
    registry from;
    const blob root = everything(from);
    for (int byte = 0; byte < 256; ++byte) {
        const std::string bytes = root.bytes + static_cast<char>(byte);
        const bool white = byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
        const pull got(from, blob{oci_index, sha256_of(bytes), bytes}, request_for({here}));
        EXPECT_EQ(got.code, white ? status_code::ok : status_code::malformed) << byte;
        const std::string far = root.bytes + std::string(100, ' ') + static_cast<char>(byte);
        EXPECT_EQ(pull(from, blob{oci_index, sha256_of(far), far}, request_for({here})).code,
                  white ? status_code::ok : status_code::malformed)
            << byte;
    }
    const std::string twice = root.bytes + root.bytes;
    EXPECT_EQ(pull(from, blob{oci_index, sha256_of(twice), twice}, request_for({here})).code, status_code::malformed);
}

/// The documents behind the root, spoilt in the same way but under their right digests.
TEST(Mutation, ManifestsAndConfigs) {
    std::mt19937 random(4711);  // NOLINT: as above
    registry from;
    const blob image = from.image(here, "mutated", 2);
    const json manifest = json::parse(image.bytes);
    const std::string config = from.find(manifest["config"]["digest"])->bytes;
    int accepted = 0;
    constexpr int rounds = 2000;
    for (int round = 0; round < rounds; ++round) {
        json changed = manifest;
        std::string bytes = image.bytes;
        if (round % 2 == 0) {
            bytes = mutated(image.bytes, random);
        } else {
            changed["config"] = from.put(oci_config, mutated(config, random)).descriptor();
            bytes = changed.dump();
        }
        const blob spoilt = from.put(oci_manifest, bytes);
        SCOPED_TRACE(bytes);
        const pull got(from, from.index({spoilt.on(here), spoilt.descriptor()}), request_for({here}));
        EXPECT_TRUE(got.code != status_code::internal && got.code != status_code::out_of_memory) << got.message;
        accepted += got.ok() ? 1 : 0;
    }
    EXPECT_GT(accepted, rounds / 100);
    EXPECT_LT(accepted, rounds * 9 / 10);
}

}  // namespace
}  // namespace refract::test
