// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// What each client is predicted to pick, rule by rule. That the rules are the clients' own is tested by tests/peers.
#include "resolve/predict/predict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry.h"
#include "resolve/predicting.h"

namespace refract::test {
namespace {

using resolve::client;
using testing::ElementsAre;
using testing::HasSubstr;

/// The digest that each of the four ends up with, in the order of their names.
std::vector<std::string> all(const registry& from, const blob& root, std::string_view wanted = "linux/amd64") {
    std::vector<std::string> digests;
    for (const auto who : resolve::clients()) digests.push_back(guess(who, from, root, wanted).digest);
    return digests;
}

TEST(Predict, NamesAreKnownBothWays) {
    std::vector<std::string> names;
    for (const auto who : resolve::clients()) {
        names.emplace_back(name_of(who));
        EXPECT_EQ(resolve::client_of(names.back()), who);
    }
    EXPECT_THAT(names, ElementsAre("containerd", "crane", "regctl", "skopeo"));
    EXPECT_FALSE(resolve::client_of("Crane"));
    EXPECT_FALSE(resolve::client_of(""));
}

TEST(Predict, AnOrdinaryIndexIsOneForAll) {
    registry from;
    const blob arm = from.image("linux/arm64");
    const blob image = from.image("linux/amd64");
    const blob root = from.index({arm.on("linux/arm64"), image.on("linux/amd64")});
    EXPECT_THAT(all(from, root), ElementsAre(image.digest, image.digest, image.digest, image.digest));
    EXPECT_THAT(guess(client::regctl, from, root).path, ElementsAre(1));
    EXPECT_THAT(guess(client::crane, from, root).needs, ElementsAre(image.digest));
    EXPECT_THAT(guess(client::skopeo, from, root).needs, ElementsAre(image.digest, config_of(image)));
}

TEST(Predict, ARootThatIsAManifestIsTaken) {
    registry from;
    const blob image = from.image("linux/arm64");
    EXPECT_THAT(all(from, image), ElementsAre(image.digest, image.digest, image.digest, image.digest));
    EXPECT_THAT(guess(client::skopeo, from, image).path, ElementsAre());
}

TEST(Predict, MisuseIsRefused) {
    registry from;
    const blob config = from.put(oci_config, "{}");
    EXPECT_EQ(guess(client::crane, from, config).failure, status_code::invalid_argument);
    resolve::predictor idle(client::crane, platform("linux/amd64"), {});
    EXPECT_EQ(idle.feed(bytes_of("")).why().code, status_code::invalid_argument);
    EXPECT_EQ(idle.missing("gone").why().code, status_code::invalid_argument);
}

TEST(Predict, ArtifactOfTheSamePlatformFirst) {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob sbom = from.artifact();
    const blob root = from.index({sbom.on("linux/amd64"), image.on("linux/amd64")});
    EXPECT_THAT(all(from, root), ElementsAre("", sbom.digest, sbom.digest, sbom.digest));
    EXPECT_THAT(guess(client::containerd, from, root).reason,
                HasSubstr("manifests[0], whose config is no image config"));
}

TEST(Predict, WithoutAPlatform) {
    registry from;
    const blob bare = from.image("linux/amd64", "bare");
    const blob declared = from.image("linux/amd64", "declared");
    const blob both = from.index({bare.descriptor(), declared.on("linux/amd64")});
    EXPECT_THAT(all(from, both), ElementsAre(declared.digest, bare.digest, declared.digest, declared.digest));
    const blob only = from.index({bare.descriptor()});
    EXPECT_THAT(all(from, only), ElementsAre(bare.digest, bare.digest, "", bare.digest));
    const blob list = from.index({bare.descriptor()}, docker_index);
    EXPECT_EQ(guess(client::skopeo, from, list).digest, "");
    // To crane it is linux/amd64; containerd asks its config; skopeo takes it for whatever is wanted.
    EXPECT_THAT(all(from, only, "linux/arm64"), ElementsAre("", "", "", bare.digest));
}

TEST(Predict, NestedIndexes) {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob inner = from.index({image.on("linux/amd64")});
    const blob bare = from.index({inner.descriptor()});
    EXPECT_THAT(all(from, bare), ElementsAre(image.digest, image.digest, "", ""));
    EXPECT_THAT(guess(client::skopeo, from, bare).reason, HasSubstr("does not follow indexes inside indexes"));
    const blob declared = from.index({inner.on("linux/amd64")});
    EXPECT_THAT(all(from, declared), ElementsAre(image.digest, image.digest, image.digest, ""));
    EXPECT_THAT(guess(client::regctl, from, declared).path, ElementsAre(0, 0));
}

TEST(Predict, TheFirstNestedIndexIsTheOnlyOneThatIsSearched) {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob arm = from.image("linux/arm64");
    const blob empty = from.index({arm.on("linux/arm64")});
    const blob full = from.index({image.on("linux/amd64")});
    const blob root = from.index({empty.on("linux/amd64"), full.on("linux/amd64")});
    EXPECT_THAT(all(from, root), ElementsAre("", "", "", ""));
}

TEST(Predict, Variants) {
    registry from;
    const blob v6 = from.image("linux/arm/v6");
    const blob v7 = from.image("linux/arm/v7");
    const blob plain = from.image("linux/arm", "plain");
    const blob lower = from.index({v6.on("linux/arm/v6")});
    // containerd pulls the manifest of v6 and not its layers, so it cannot run what it then takes.
    EXPECT_THAT(all(from, lower, "linux/arm/v7"), ElementsAre("", "", v6.digest, v6.digest));
    EXPECT_THAT(guess(client::containerd, from, lower, "linux/arm/v7").reason, HasSubstr("layers were not pulled"));
    const blob mixed = from.index({plain.on("linux/arm"), v6.on("linux/arm/v6"), v7.on("linux/arm/v7")});
    EXPECT_THAT(all(from, mixed, "linux/arm/v7"), ElementsAre(plain.digest, v7.digest, plain.digest, v7.digest));
    EXPECT_EQ(guess(client::crane, from, mixed, "linux/arm").digest, plain.digest);
    // Without a variant skopeo tries the bare platform before all others, regctl v7.
    const blob best = from.index({v7.on("linux/arm/v7"), plain.on("linux/arm")});
    EXPECT_THAT(all(from, best, "linux/arm"), ElementsAre(v7.digest, v7.digest, v7.digest, plain.digest));
    // A variant that skopeo does not know, and then none.
    EXPECT_EQ(guess(client::skopeo, from, best, "linux/arm/v9").digest, plain.digest);
}

TEST(Predict, Arm64WithItsUsualVariant) {
    registry from;
    const blob image = from.image("linux/arm64");
    const blob root = from.index({image.on("linux/arm64")});
    // v8 says nothing new, but crane compares as written.
    EXPECT_THAT(all(from, root, "linux/arm64/v8"), ElementsAre(image.digest, "", image.digest, image.digest));
}

TEST(Predict, OtherNamesOfArchitectures) {
    registry from;
    const blob image = from.image("linux/x86_64");
    const blob root = from.index({image.on("linux/x86_64")});
    EXPECT_THAT(all(from, root), ElementsAre(image.digest, "", image.digest, ""));
}

TEST(Predict, RegctlTakesLinuxForDarwinAndWindows) {
    registry from;
    const blob image = from.image("linux/arm64");
    const blob mac = from.image("darwin/arm64");
    const blob root = from.index({image.on("linux/arm64"), mac.on("darwin/arm64")});
    EXPECT_EQ(guess(client::regctl, from, root, "darwin/arm64").digest, mac.digest);
    const blob only = from.index({image.on("linux/arm64")});
    EXPECT_EQ(guess(client::regctl, from, only, "darwin/arm64").digest, image.digest);
    EXPECT_EQ(guess(client::regctl, from, only, "windows/arm64").digest, image.digest);
    EXPECT_EQ(guess(client::regctl, from, only, "plan9/arm64").digest, "");
}

TEST(Predict, RegctlTakesTheLatestWindowsOfARelease) {
    registry from;
    std::vector<json> entries;
    std::vector<blob> images;
    for (const char* version : {"10.0.17763.1", "10.0.17763.9", "10.0.20348.1", "10.0.17763.3"}) {
        images.push_back(from.image("windows/amd64", version));
        json declared = platform_json("windows/amd64");
        declared["os.version"] = version;
        entries.push_back(with(images.back().descriptor(), "platform", declared));
    }
    const blob root = from.index(entries);
    EXPECT_EQ(guess(client::regctl, from, root, "windows/amd64").digest, images[2].digest);
    oci::platform wanted = platform("windows/amd64");
    wanted.os_version = "10.0.17763.5";
    resolve::predictor predictor(client::regctl, wanted, {});
    resolve::expected_document expected{resolve::document_kind::index,
                                        root.media_type,
                                        root.digest,
                                        static_cast<std::int64_t>(root.bytes.size()),
                                        {},
                                        0};
    ASSERT_EQ(predictor.begin(expected, bytes_of(root.bytes)).value(), resolve::predictor::step::need);
    EXPECT_EQ(predictor.needed().expected.digest, images[1].digest);
}

TEST(Predict, MissingIsNotSteppedOver) {
    registry from;
    const blob gone = from.image("linux/amd64", "gone");
    const blob image = from.image("linux/amd64", "here");
    const blob root = from.index({gone.on("linux/amd64"), image.on("linux/amd64")});
    from.lose(gone.digest);
    EXPECT_THAT(all(from, root), ElementsAre("", "", "", ""));
    EXPECT_EQ(guess(client::crane, from, root).reason, "it takes manifests[0], which cannot be had: 404 Not Found");
}

TEST(Predict, ContainerdPullsWhatItDoesNotRun) {
    registry from;
    const blob other = from.image("linux/s390x");
    const blob image = from.image("linux/amd64");
    const blob root = from.index({image.on("linux/amd64"), other.on("linux/s390x")});
    from.lose(config_of(other));
    EXPECT_THAT(guess(client::containerd, from, root).reason, HasSubstr("the config of manifests[1]"));
    from.lose(other.digest);
    EXPECT_THAT(all(from, root), ElementsAre("", image.digest, image.digest, image.digest));
    EXPECT_THAT(guess(client::containerd, from, root).reason, HasSubstr("the pull fails: manifests[1] cannot be had"));
}

TEST(Predict, ContainerdUnpacksWhatDeclaresNoPlatform) {
    registry from;
    const blob image = from.image("linux/amd64");
    json manifest = json::parse(image.bytes);
    manifest["layers"].push_back({{"mediaType", oci_layer}, {"digest", sha256_of("more")}, {"size", 4}});
    // Of a config of its own: manifests of one config are unpacked once.
    manifest["config"] = from.write(oci_config, {{"rootfs", {{"diff_ids", json::array()}}}}).descriptor();
    const blob odd = from.write(oci_manifest, manifest);
    const blob root = from.index({image.on("linux/amd64"), odd.descriptor()});
    EXPECT_THAT(guess(client::containerd, from, root).reason,
                HasSubstr("the pull fails: manifests[1] has 2 layers to unpack, but its config names 0"));
    const blob foreign = from.index({image.on("linux/amd64"), odd.on("linux/arm64")});
    EXPECT_EQ(guess(client::containerd, from, foreign).digest, image.digest);
}

TEST(Predict, ContainerdRunsNothingWhoseLayersAreNotThoseOfItsConfig) {
    registry from;
    json manifest = json::parse(from.image("linux/amd64").bytes);
    manifest["layers"][0]["mediaType"] = "application/wasm";
    const blob odd = from.write(oci_manifest, manifest);
    const blob root = from.index({odd.on("linux/amd64")});
    EXPECT_THAT(guess(client::containerd, from, root).reason, HasSubstr("not as many as its config names"));
}

TEST(Predict, ContainerdGivesUpOnABombBeforeItGoesOff) {
    registry from;
    blob inner = from.index({from.image("linux/amd64").on("linux/amd64")});
    for (int level = 0; level < 7; ++level) inner = from.index(std::vector<json>(64, inner.descriptor()));
    EXPECT_THAT(guess(client::containerd, from, inner).reason, HasSubstr("more than 10000 descriptors"));
}

TEST(Predict, OnlyContainerdMindsTheSize) {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob root = from.index({with(image.on("linux/amd64"), "size", image.bytes.size() + 1)});
    EXPECT_THAT(all(from, root), ElementsAre("", image.digest, image.digest, image.digest));
}

TEST(Predict, EveryoneMindsTheDigest) {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob root = from.index({image.on("linux/amd64")});
    from.replace(image.digest, from.image("linux/amd64", "other").bytes);
    EXPECT_THAT(all(from, root), ElementsAre("", "", "", ""));
}

TEST(Predict, ADigestOfAnUnknownAlgorithm) {
    registry from;
    const blob image = from.image("linux/amd64");
    json strange = image.descriptor();
    strange["digest"] = "blake3:" + std::string(64, 'a');
    const blob root = from.index({image.on("linux/amd64"), strange});
    // crane parses it, containerd fetches it; the others do not look at it.
    EXPECT_THAT(all(from, root), ElementsAre("", "", image.digest, image.digest));
}

TEST(Predict, BytesOfAnotherKindThanTheEntrySays) {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob inner = from.index({image.on("linux/amd64")});
    json called = inner.on("linux/amd64");
    called["mediaType"] = oci_manifest;
    // crane goes by the entry and hands over any bytes; regctl goes by what the registry calls them.
    EXPECT_THAT(all(from, from.index({called})), ElementsAre("", inner.digest, image.digest, ""));
    json manifest = image.on("linux/amd64");
    manifest["mediaType"] = oci_index;
    EXPECT_THAT(all(from, from.index({manifest})), ElementsAre("", "", image.digest, image.digest));
}

TEST(Predict, EntriesThatAreNoManifests) {
    registry from;
    const blob text = from.put("text/plain", "hello");
    const blob image = from.image("linux/amd64");
    const blob root = from.index({text.on("linux/amd64"), image.on("linux/amd64")});
    EXPECT_THAT(all(from, root), ElementsAre("", "", "", ""));
    EXPECT_THAT(guess(client::containerd, from, root).reason, HasSubstr("running fails"));
}

TEST(Predict, SkopeoNeedsTheConfigAndDockersLayers) {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob root = from.index({image.on("linux/amd64")});
    from.lose(config_of(image));
    EXPECT_THAT(guess(client::skopeo, from, root).reason, HasSubstr("whose config cannot be had"));
    json manifest = json::parse(from.image("linux/amd64").bytes);
    manifest["mediaType"] = docker_manifest;
    manifest["layers"][0]["mediaType"] = "text/spdx\n";
    const blob odd = from.write(docker_manifest, manifest);
    EXPECT_THAT(guess(client::skopeo, from, from.index({odd.on("linux/amd64")})).reason, HasSubstr("accepts no layer"));
}

TEST(Predict, WhatRefractDoesNotReadItCannotTell) {
    registry from;
    const blob odd = from.put(oci_manifest, R"({"schemaVersion":2,"schemaVersion":2})");
    const blob root = from.index({odd.on("linux/amd64")});
    EXPECT_EQ(guess(client::regctl, from, root).failure, status_code::ambiguous);
    EXPECT_EQ(guess(client::containerd, from, root).failure, status_code::ambiguous);
    EXPECT_EQ(guess(client::skopeo, from, root).failure, status_code::ambiguous);
    EXPECT_EQ(guess(client::crane, from, root).digest, odd.digest);
    EXPECT_THAT(guess(client::regctl, from, root).reason, HasSubstr("cannot tell what regctl makes of manifests[0]"));
}

TEST(Predict, RegctlMindsWhatARootCallsItself) {
    registry from;
    const blob image = from.image("linux/amd64");
    blob root = from.index({image.on("linux/amd64")});
    root.media_type = docker_index;
    EXPECT_THAT(guess(client::regctl, from, root).reason, HasSubstr("served as another type"));
    EXPECT_EQ(guess(client::crane, from, root).digest, image.digest);
    blob single = image;
    single.media_type = docker_manifest;
    EXPECT_EQ(guess(client::regctl, from, single).digest, "");
}

TEST(Predict, SkopeoMindsTheSizeOfTheConfig) {
    registry from;
    json manifest = json::parse(from.image("linux/amd64").bytes);
    manifest["config"]["size"] = 1;
    const blob odd = from.write(oci_manifest, manifest);
    const blob root = from.index({odd.on("linux/amd64")});
    EXPECT_THAT(guess(client::skopeo, from, root).reason, HasSubstr("another size"));
    EXPECT_EQ(guess(client::regctl, from, root).digest, odd.digest);
}

TEST(Predict, Limits) {
    registry from;
    blob inner = from.index({from.image("linux/amd64").on("linux/amd64")});
    for (int level = 0; level < 8; ++level) inner = from.index({inner.on("linux/amd64")});
    EXPECT_NE(guess(client::regctl, from, inner).digest, "");
    const blob deeper = from.index({inner.on("linux/amd64")});
    EXPECT_EQ(guess(client::regctl, from, deeper).failure, status_code::limit_exceeded);

    limits few;
    few.documents = 3;
    EXPECT_EQ(guess(client::crane, from, inner, "linux/amd64", few).failure, status_code::limit_exceeded);
    limits small;
    small.walk_bytes = 500;
    EXPECT_EQ(guess(client::crane, from, inner, "linux/amd64", small).failure, status_code::limit_exceeded);
    limits tiny;
    tiny.config_bytes = 10;
    const blob root = from.index({from.image("linux/amd64").on("linux/amd64")});
    EXPECT_EQ(guess(client::skopeo, from, root, "linux/amd64", tiny).failure, status_code::limit_exceeded);
    EXPECT_EQ(guess(client::containerd, from, root, "linux/amd64", tiny).failure, status_code::limit_exceeded);
}

}  // namespace
}  // namespace refract::test
