// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Roles, by the descriptor alone; and proof, by the candidate's own bytes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry.h"

namespace refract::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// An index of this entry and an image behind it: whether the entry is passed over for the image, and why.
std::string passed_over_for(registry& from, const json& entry, const resolve::request& request = request_for({here})) {
    const blob image = from.image(here, "the one behind");
    const pull got(from, from.index({entry, image.on(here)}), request);
    EXPECT_TRUE(got.ok()) << got.message;
    if (!got.ok() || got.selected() != std::vector<std::string>{image.digest}) return "selected";
    return got.walk.why_not({0, 0});
}

/// An image's manifest with one member changed.
blob changed(registry& from, const std::string& key, const json& value, std::size_t layers = 1) {
    json manifest = json::parse(from.image(here, "changed", layers).bytes);
    manifest[key] = value;
    return from.write(oci_manifest, manifest);
}

TEST(Role, MarkedIsNeverSelected) {
    registry from;
    const blob image = from.image(here, "marked");
    const json entry = image.on(here);
    const std::pair<json, const char*> marked[] = {
        {annotated(entry, reference_digest, digest_of('a')), "artifact (has a reference digest)"},
        {annotated(entry, reference_digest, ""), "artifact (has a reference digest)"},
        {annotated(entry, reference_type, "sbom"), "artifact (reference type \"sbom\")"},
        {annotated(entry, reference_type, "a\nb"), "artifact (reference type \"a\\x0ab\")"},
        {annotated(entry, "vnd.docker.reference.type", "attestation-manifest"),
         "artifact (BuildKit \"attestation-manifest\")"},
        {annotated(entry, "vnd.docker.reference.digest", digest_of('a')), "artifact"},
        {annotated(entry, "com.amazon.soci.image-manifest-digest", digest_of('a')), "artifact (SOCI index)"},
        {with(entry, "artifactType", "application/spdx+json"), "artifact (artifact type \"application/spdx+json\")"},
        {with(image.descriptor(), "platform", platform_json("unknown/unknown")), "artifact (platform unknown/unknown)"},
        {with(image.descriptor(), "platform", platform_json("linux/unknown")), "artifact (platform linux/unknown)"},
        {with(entry, "mediaType", "application/octet-stream"),
         "neither a manifest nor an index, but \"application/octet-stream\""},
        {with(entry, "mediaType", oci_config), "neither a manifest nor an index, but"},
    };
    for (const auto& [one, why] : marked) EXPECT_THAT(passed_over_for(from, one), HasSubstr(why)) << one.dump();
    // A marked index is an artifact too, and is not opened.
    const blob inner = from.index({image.on(here)});
    EXPECT_THAT(passed_over_for(from, inner.about(image.digest, "history")), HasSubstr("history"));
}

TEST(Role, WhatMarksNothing) {
    registry from;
    const json entry = from.image(here, "plain").on(here);
    for (const json& one : {annotated(entry, "org.opencontainers.reference.description", "text"),
                            annotated(entry, "dev.cosignproject.cosign/signature", "MEU="),
                            annotated(entry, "org.opencontainers.signatures.index", "a,b"),
                            annotated(entry, "com.example", "x"), with(entry, "artifactType", oci_config),
                            with(entry, "artifactType", docker_config), with(entry, "mediaType", docker_manifest)}) {
        EXPECT_EQ(passed_over_for(from, one), "selected") << one.dump();
    }
}

TEST(Proof, BytesThatSayTheyAreSomethingElse) {
    registry from;
    const json config = json::parse(from.image(here, "changed").bytes)["config"];
    const json layer = json{{"mediaType", "application/vnd.in-toto+json"}, {"digest", digest_of('a')}, {"size", 3}};
    const std::pair<blob, const char*> artifacts[] = {
        {from.artifact(), "its config is no image config but \"application/vnd.oci.empty.v1+json\""},
        {changed(from, "config", with(config, "mediaType", "application/vnd.cncf.helm.config.v1+json")), "helm.config"},
        {changed(from, "config", with(config, "mediaType", "application/octet-stream")), "octet-stream"},
        {changed(from, "artifactType", "application/spdx+json"),
         "its manifest has the artifactType \"application/spdx+json\""},
        {changed(from, "layers", json::array({layer})),
         "its layers are no file system but \"application/vnd.in-toto+json\""},
        {changed(from, "layers", json::array()), "it has 0 layers, but its config names 1"},
        {changed(from, "layers",
                 json::array({with(layer, "mediaType", oci_layer), with(layer, "mediaType", oci_layer)})),
         "it has 2 layers, but its config names 1"},
    };
    for (const auto& [one, why] : artifacts) {
        EXPECT_THAT(passed_over_for(from, one.on(here)), HasSubstr(std::string("artifact after all: "))) << one.bytes;
        EXPECT_THAT(passed_over_for(from, one.on(here)), HasSubstr(why)) << one.bytes;
        EXPECT_THAT(passed_over_for(from, one.descriptor()), HasSubstr("")) << one.bytes;
    }
}

TEST(Proof, WhatContainerdRuns) {
    registry from;
    const json layer{
        {"mediaType", "application/vnd.wasm.content.layer.v1+wasm"}, {"digest", digest_of('a')}, {"size", 3}};
    EXPECT_EQ(passed_over_for(from, changed(from, "layers", json::array({layer})).on(here)), "selected");
    EXPECT_EQ(passed_over_for(from, from.image(here, "no layers", 0).on(here)), "selected");
    EXPECT_EQ(passed_over_for(from, changed(from, "artifactType", oci_config).on(here)), "selected");
    EXPECT_EQ(passed_over_for(from, changed(from, "subject", from.artifact().descriptor()).on(here)), "selected");

    // One payload among layers does not make it an artifact.
    const json mixed =
        json::array({with(layer, "mediaType", "application/vnd.in-toto+json"), with(layer, "mediaType", oci_layer)});
    EXPECT_EQ(passed_over_for(from, changed(from, "layers", mixed, 2).on(here)), "selected");

    // Docker's old name for a config, only in a Docker manifest.
    const json config =
        with(json::parse(from.image(here, "changed").bytes)["config"], "mediaType", "application/octet-stream");
    json manifest = json::parse(changed(from, "config", config).bytes);
    manifest["mediaType"] = docker_manifest;
    EXPECT_EQ(passed_over_for(from, from.write(docker_manifest, manifest).on(here)), "selected");
}

TEST(Proof, ConfigTypesOfTheCaller) {
    registry from;
    const std::string own = "application/vnd.example.config";
    const json config = with(json::parse(from.image(here, "changed").bytes)["config"], "mediaType", own);
    const json entry = with(changed(from, "config", config).on(here), "artifactType", own);
    auto request = request_for({here});
    EXPECT_THAT(passed_over_for(from, entry, request), HasSubstr("artifact type"));
    request.config_types = {own};
    EXPECT_EQ(passed_over_for(from, entry, request), "selected");
}

TEST(Proof, ManifestNamedAsTheOtherFamilyWorks) {
    registry from;
    const blob image = from.image(here);
    const pull got(from, from.index({with(image.on(here), "mediaType", docker_manifest)}, docker_index),
                   request_for({here}));
    ASSERT_TRUE(got.ok()) << got.message;
    // The descriptor's type is passed on.
    EXPECT_EQ(got.walk.read()[1].media_type, docker_manifest);
}

TEST(Proof, OnlyArtifactsIsAnErrorThatSaysSo) {
    registry from;
    const blob sbom = from.artifact();
    const pull got(from, from.index({sbom.about(digest_of('a'), "sbom"), sbom.on(here), sbom.descriptor()}),
                   request_for({here}));
    EXPECT_EQ(got.code, status_code::no_match);
    for (const char* const words : {"linux/amd64", "manifests[0]: artifact (reference type \"sbom\")",
                                    "manifests[1]: artifact after all", "manifests[2]: artifact after all"}) {
        EXPECT_THAT(got.message, HasSubstr(words));
    }
    const pull empty(from, from.index({}), request_for({here}));
    EXPECT_EQ(empty.code, status_code::no_match);
    EXPECT_THAT(empty.message, HasSubstr("it has no entries"));
}

}  // namespace
}  // namespace refract::test
