// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Indexes and manifests as wholes: what a document is comes from its bytes (CVE-2021-41190).
#include "oci/document.h"

#include <gtest/gtest.h>

#include "oci/config.h"
#include "oci/index.h"
#include "oci/manifest.h"
#include "registry.h"

namespace refract::oci {
namespace {

struct answer {
    status_code code;
    std::string message;
};

template <class Document>
answer answer_of(std::string_view text) {
    json_reader reader(64);
    Document document;
    status done;
    if constexpr (requires { document.read(reader, test::bytes_of(text), limits{}); }) {
        done = document.read(reader, test::bytes_of(text), limits{});
    } else {
        done = document.read(reader, test::bytes_of(text));
    }
    return done.ok() ? answer{status_code::ok, {}} : answer{done.why().code, done.why().message};
}

status_code read_index(std::string_view text) { return answer_of<index>(text).code; }
status_code read_manifest(std::string_view text) { return answer_of<manifest>(text).code; }
status_code read_config(std::string_view text) { return answer_of<config>(text).code; }

const std::string config_descriptor =
    R"({"mediaType":"application/vnd.oci.image.config.v1+json","digest":")" + test::digest_of('c') + R"(","size":7})";

/// All combinations of fields and media types, asked for as an index and as a manifest.
TEST(Document, FieldsAndMediaTypes) {
    const std::string types[] = {
        "",          test::oci_index, test::docker_index, test::oci_manifest, test::docker_manifest, test::oci_config,
        "text/plain"};
    for (const auto& type : types) {
        for (unsigned fields = 0; fields < 8; ++fields) {
            std::string text = R"({"schemaVersion":2)";
            if (!type.empty()) text += R"(,"mediaType":")" + type + '"';
            if ((fields & 1) != 0) text += R"(,"manifests":[])";
            if ((fields & 2) != 0) text += R"(,"config":)" + config_descriptor;
            if ((fields & 4) != 0) text += R"(,"layers":[])";
            text += '}';
            const bool like_index = fields == 1;
            const bool like_manifest = (fields & 1) == 0 && (fields & 2) != 0;
            const auto kind = kind_of(type);
            const bool index_type = type.empty() || kind == media_kind::index;
            const bool manifest_type = type.empty() || kind == media_kind::manifest;
            EXPECT_EQ(read_index(text) == status_code::ok, like_index && index_type) << text;
            EXPECT_EQ(read_manifest(text) == status_code::ok, like_manifest && manifest_type) << text;
            if ((fields & 1) != 0 && fields != 1) {
                EXPECT_EQ(read_index(text), status_code::ambiguous) << text;
                EXPECT_EQ(read_manifest(text), status_code::ambiguous) << text;
            }
        }
    }
    EXPECT_EQ(read_index(R"({"config":)" + config_descriptor + R"(,"layers":[]})"), status_code::type_mismatch);
    EXPECT_EQ(read_manifest(R"({"manifests":[]})"), status_code::type_mismatch);
}

TEST(Document, TopLevel) {
    EXPECT_EQ(read_index(R"({"manifests":[]})"), status_code::ok);
    EXPECT_EQ(read_index(R"({"manifests":null})"), status_code::ok);
    EXPECT_EQ(read_index(R"({"schemaVersion":1,"manifests":[]})"), status_code::unsupported);
    EXPECT_EQ(read_index(R"({"schemaVersion":"2","manifests":[]})"), status_code::malformed);
    EXPECT_EQ(read_index(R"({"schemaVersion":2.0,"manifests":[]})"), status_code::malformed);
    EXPECT_EQ(read_manifest(R"({"schemaVersion":1,"fsLayers":[],"history":[]})"), status_code::unsupported);
    EXPECT_EQ(read_index(R"({"manifests":{}})"), status_code::malformed);
    EXPECT_EQ(read_index(R"({"manifests":[1]})"), status_code::malformed);
    EXPECT_EQ(read_index(R"({"manifests":[null]})"), status_code::malformed);
    EXPECT_EQ(read_index(R"({"manifests":[],"annotations":[]})"), status_code::malformed);
    EXPECT_EQ(read_index(R"({"manifests":[],"annotations":{"a":1}})"), status_code::malformed);
    EXPECT_EQ(read_index(R"({"manifests":[],"annotations":{"a":null}})"), status_code::ok);
    EXPECT_EQ(read_index(R"({"manifests":[],"annotations":{"a":"","a":""}})"), status_code::ambiguous);
    EXPECT_EQ(read_index(R"({"manifests":[],"artifactType":7})"), status_code::malformed);
    EXPECT_EQ(read_index(R"({"manifests":[],"mediaType":7})"), status_code::malformed);
    EXPECT_EQ(read_index(R"({"manifests":[],"subject":{}})"), status_code::malformed);
    EXPECT_EQ(read_index(R"({"manifests":[],"subject":null})"), status_code::ok);
    for (const std::string_view text : {"[]", "null", "1", "\"\"", "true", "{}", "[{\"manifests\":[]}]"}) {
        EXPECT_EQ(read_index(text), status_code::malformed) << text;
        EXPECT_EQ(read_manifest(text), status_code::malformed) << text;
    }
}

TEST(Document, DuplicateAndFoldingKeys) {
    for (const std::string_view more : {
             R"("manifests":[])",
             R"("MANIFESTS":[])",
             R"("Manifests":null)",
             "\"manife\xC5\xBFts\":[]",
             R"("mediatype":"")",
             R"("MEDIATYPE":"x")",
             R"("schemaversion":2)",
             R"("Layers":[])",
             R"("CONFIG":{})",
             R"("Subject":null)",
             R"("ArtifactType":"")",
             R"("Annotations":{})",
             R"("x":1,"x":2)",
             R"("x":{"y":1,"y":2})",
             R"("x":[{"y":1,"y":2}])",
             "\"\xC5\xBFubject\":null",
             R"("fslayers":[])",
         }) {
        EXPECT_EQ(read_index(R"({"manifests":[],)" + std::string(more) + '}'), status_code::ambiguous) << more;
        EXPECT_EQ(read_index('{' + std::string(more) + R"(,"manifests":[]})"), status_code::ambiguous) << more;
    }
    // A lone folding key is refused too: Go would read it.
    EXPECT_EQ(read_index(R"({"MANIFESTS":[]})"), status_code::ambiguous);
    // Keys that neither reads are nobody's business, at any level.
    EXPECT_EQ(read_index(R"({"manifests":[],"x":1,"X":2,"org.example":{"mediatype":1,"MEDIATYPE":2}})"),
              status_code::ok);
    // Annotations are a map in Go: case matters there.
    EXPECT_EQ(read_index(R"({"manifests":[],"annotations":{"a":"","A":""}})"), status_code::ok);
}

TEST(Document, ErrorsNameThePlace) {
    const auto digest = test::digest_of('a');
    const auto got = answer_of<index>(R"({"manifests":[{"mediaType":"a","digest":")" + digest +
                                      R"(","size":1},{"mediaType":"a","digest":")" + digest +
                                      R"(","size":1,"platform":{"os":"linux","os.features":["a",1]}}]})");
    EXPECT_EQ(got.message, "manifests[1]: platform: os.features[1]: want a string, got a number");
    EXPECT_EQ(got.code, status_code::malformed);
}

TEST(Document, IsWhatItsBytesAre) {
    json_reader reader(64);
    const auto told = [&](const std::string& text, std::string_view served_as) {
        auto got = identify(reader, test::bytes_of(text), served_as);
        return got.ok() ? std::move(got).value() : identity{};
    };
    const std::string silent_index = R"({"manifests":[]})";
    const std::string silent_manifest = R"({"config":)" + config_descriptor + '}';
    // What was served as the wrong kind, or as nothing that is known, is no word on the type; what is of the kind is.
    for (const std::string_view served_as : {"", "application/json", "text/plain", "application/octet-stream"}) {
        EXPECT_EQ(told(silent_index, served_as).media_type, test::oci_index) << served_as;
        EXPECT_EQ(told(silent_manifest, served_as).media_type, test::oci_manifest) << served_as;
    }
    EXPECT_EQ(told(silent_index, test::docker_index).media_type, test::docker_index);
    EXPECT_EQ(told(silent_index, test::docker_manifest).media_type, test::oci_index);
    EXPECT_EQ(told(silent_manifest, test::docker_manifest).media_type, test::docker_manifest);
    EXPECT_EQ(told(silent_manifest, test::docker_index).media_type, test::oci_manifest);
    EXPECT_EQ(told(silent_index, {}).kind, media_kind::index);
    EXPECT_EQ(told(silent_manifest, {}).kind, media_kind::manifest);
    // The document's own word goes first.
    const std::string oci = R"({"mediaType":")" + std::string(test::oci_index) + R"(","manifests":[]})";
    EXPECT_EQ(told(oci, test::docker_index).media_type, test::oci_index);
    EXPECT_EQ(told("{}", test::oci_index).kind, media_kind::other);
    EXPECT_EQ(told("no JSON", test::oci_index).kind, media_kind::other);

    const std::string about = R"(,"subject":)" + config_descriptor + '}';
    const auto referrer = told(R"({"artifactType":"application/x","config":)" + config_descriptor + about, {});
    EXPECT_EQ(referrer.artifact_type, "application/x");
    EXPECT_EQ(referrer.subject, test::digest_of('c'));
    EXPECT_EQ(told(silent_manifest, {}).artifact_type, test::oci_config);
    EXPECT_EQ(told(silent_index, {}).artifact_type, "");
    EXPECT_EQ(told(R"({"manifests":[],"artifactType":"application/y")" + about, {}).subject, test::digest_of('c'));
    EXPECT_EQ(told(R"({"manifests":[],"subject":{"digest":"sha256:x"}})", {}).subject, "");
    EXPECT_EQ(told(R"({"manifests":[],"subject":7})", {}).subject, "");
}

TEST(Manifest, Parts) {
    const std::string begin = R"({"config":)" + config_descriptor;
    EXPECT_EQ(read_manifest(begin + '}'), status_code::ok);
    EXPECT_EQ(read_manifest(R"({"config":null,"layers":[]})"), status_code::malformed);
    EXPECT_EQ(read_manifest(R"({"layers":[]})"), status_code::malformed);
    EXPECT_EQ(read_manifest(begin + R"(,"layers":null})"), status_code::ok);
    EXPECT_EQ(read_manifest(begin + R"(,"layers":[{}]})"), status_code::malformed);
    EXPECT_EQ(read_manifest(begin + R"(,"layers":[)" + config_descriptor + "," + config_descriptor + "]}"),
              status_code::ok);
    EXPECT_EQ(read_manifest(begin + R"(,"subject":)" + config_descriptor + '}'), status_code::ok);
    EXPECT_EQ(read_manifest(begin + R"(,"subject":{"digest":"x"}})"), status_code::malformed);
    EXPECT_EQ(read_manifest(begin + R"(,"Layers":[]})"), status_code::ambiguous);
}

TEST(Config, WhatIsRead) {
    EXPECT_EQ(read_config("{}"), status_code::ok);
    EXPECT_EQ(read_config(R"({"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}})"),
              status_code::ok);
    EXPECT_EQ(read_config(R"({"rootfs":null})"), status_code::ok);
    EXPECT_EQ(read_config(R"({"rootfs":{"diff_ids":[")" + test::digest_of('a') + R"("]}})"), status_code::ok);
    EXPECT_EQ(read_config(R"({"rootfs":{"diff_ids":["sha256:x"]}})"), status_code::malformed);
    EXPECT_EQ(read_config(R"({"rootfs":{"diff_ids":[1]}})"), status_code::malformed);
    EXPECT_EQ(read_config(R"({"rootfs":[]})"), status_code::malformed);
    EXPECT_EQ(read_config(R"({"os":1})"), status_code::malformed);
    EXPECT_EQ(read_config(R"({"os.features":"a"})"), status_code::malformed);
    EXPECT_EQ(read_config("[]"), status_code::malformed);
    // Duplicates anywhere; folding only of the keys that are read.
    EXPECT_EQ(read_config(R"({"os":"linux","os":"windows"})"), status_code::ambiguous);
    EXPECT_EQ(read_config(R"({"config":{"Env":[],"Env":[]}})"), status_code::ambiguous);
    EXPECT_EQ(read_config(R"({"history":[{"a":1,"a":2}]})"), status_code::ambiguous);
    EXPECT_EQ(read_config(R"({"OS":"linux"})"), status_code::ambiguous);
    EXPECT_EQ(read_config(R"({"ROOTFS":{}})"), status_code::ambiguous);
    EXPECT_EQ(read_config(R"({"rootfs":{"DIFF_IDS":[]}})"), status_code::ambiguous);
    EXPECT_EQ(read_config(R"({"config":{"Env":[],"env":[]},"Created":"x","created":"y"})"), status_code::ok);
}

TEST(Config, KnowsItsPlatformAndDiffIds) {
    json_reader reader(64);
    config read;
    const std::string text =
        R"({"os":"windows","architecture":"arm64","variant":"v8","os.version":"10.0","os.features":["a","b"],)"
        R"("rootfs":{"diff_ids":[")" +
        test::digest_of('a') + R"(",")" + test::digest_of('b') + R"("]}})";
    ASSERT_TRUE(read.read(reader, test::bytes_of(text)).ok());
    EXPECT_EQ(describe(read.declared()), "windows(10.0+a+b)/arm64/v8");
    EXPECT_EQ(read.diff_ids_count(), 2u);
}

}  // namespace
}  // namespace refract::oci
