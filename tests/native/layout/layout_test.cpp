// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "layout/layout.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "layout/fixture.h"

namespace refract::layout {
namespace {

using oci::fetch_request;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(Layout, Opening) {
    index({});
    EXPECT_EQ(open_error(), "opened");
    const auto layout = open_layout(files.path(), {});
    EXPECT_EQ(layout.value()->name(), "oci:" + files.path());
    for (const char* const text : {R"({"imageLayoutVersion":"2.0.0"})", R"({"imageLayoutVersion":"10.0"})", "{}"}) {
        files.write("oci-layout", text);
        EXPECT_THAT(open_error(), AllOf(HasSubstr("unsupported: oci:" + files.path()), HasSubstr("1.x"))) << text;
    }
    for (const char* const text : {"", "1.0.0", R"({"imageLayoutVersion":1})", R"({"ImageLayoutVersion":"1.0.0"})",
                                   R"({"imageLayoutVersion":"1.0.0","imageLayoutVersion":"1.1.0"})"}) {
        files.write("oci-layout", text);
        EXPECT_THAT(open_error(), HasSubstr("oci-layout")) << text;
        EXPECT_NE(open_error(), "opened");
    }
    files.write("oci-layout", R"({"imageLayoutVersion":"1.1.0"})");
    EXPECT_EQ(open_error(), "opened");
    std::filesystem::remove(files.path("index.json"));
    EXPECT_THAT(open_error(), AllOf(HasSubstr("missing: oci:"), HasSubstr("not an image layout")));
    files.write("index.json", R"({"schemaVersion":2,"manifests":[],"Manifests":[]})");
    EXPECT_THAT(open_error(), HasSubstr("ambiguous: oci:"));
    files.write("index.json", std::string((4u << 20) + 1, ' '));
    EXPECT_THAT(open_error(), AllOf(HasSubstr("limit exceeded: oci:"), HasSubstr("index.json"), HasSubstr("4194304")));
    const auto gone = open_layout(files.path("gone"), {});
    ASSERT_TRUE(gone.failed());
    EXPECT_EQ(gone.why().code, status_code::missing);
}

TEST_F(Layout, IsReadWithANoticeWhereItsMarkerIsMissing) {
    const auto& one = keep(made.image("linux/amd64", "one"));
    index({tagged(one, "v1")});
    EXPECT_THAT(open_layout(files.path(), {}).value()->notices(), IsEmpty());
    std::filesystem::remove(files.path("oci-layout"));
    EXPECT_THAT(open_layout(files.path(), {}).value()->notices(), ElementsAre(HasSubstr("has no file oci-layout")));
    EXPECT_EQ(get(kind::manifest, "v1"), one.bytes);
}

TEST_F(Layout, KnowsTheDigestOfWhatATagNames) {
    const std::string digest =
        "sha512:27c74670adb75075fad058d5ceaf7b20c4e7786c83bae8a32f626f9782af34c9"
        "a33c2046ef60fd2a7878d378e29fec851806bbd9a67878f3a9f1cda4830763fd";
    files.write(path_of(digest), "{}");
    index({test::annotated(json{{"mediaType", test::oci_manifest}, {"digest", digest}, {"size", 2}}, ref_name, "v1")});
    EXPECT_EQ(ask(oci::fetch_request_for(kind::manifest, "v1", plenty)).value().digest, digest);
}

TEST_F(Layout, ManifestsByTagAndDigest) {
    const auto& one = keep(made.image("linux/amd64", "one"));
    const auto& two = keep(made.image("linux/arm64", "two"));
    index({tagged(one, "v1"), tagged(two, "v2"), tagged(two, "latest"), tagged(one, "registry.example/app:v1")});
    EXPECT_EQ(get(kind::manifest, "v1"), one.bytes);
    EXPECT_EQ(get(kind::manifest, "latest"), two.bytes);
    EXPECT_EQ(get(kind::manifest, "registry.example/app:v1"), one.bytes);
    EXPECT_EQ(get(kind::manifest, two.digest), two.bytes);
    EXPECT_EQ(get(kind::blob, two.digest), two.bytes);
    EXPECT_EQ(get(kind::manifest, "v1", one.bytes.size()), one.bytes);
    EXPECT_THAT(get(kind::manifest, "v1", one.bytes.size() - 1), HasSubstr("limit exceeded: oci:"));
    EXPECT_THAT(get(kind::manifest, one.digest, 1), HasSubstr("limit exceeded: oci:"));
    EXPECT_THAT(get(kind::manifest, "v3"), AllOf(HasSubstr("missing: oci:" + files.path()), HasSubstr("tag v3"),
                                                 HasSubstr("latest, registry."), HasSubstr("v1, v2")));
    EXPECT_THAT(get(kind::manifest, test::digest_of('a')),
                AllOf(HasSubstr("missing: oci:"), HasSubstr(path_of(test::digest_of('a')))));
}

TEST_F(Layout, OneNameForTwoIsAmbiguous) {
    const auto& one = keep(made.image("linux/amd64", "one"));
    const auto& two = keep(made.image("linux/arm64", "two"));
    index({tagged(one, "v1"), tagged(two, "v1")});
    EXPECT_THAT(get(kind::manifest, "v1"),
                AllOf(HasSubstr("ambiguous: oci:"), HasSubstr(one.digest), HasSubstr(two.digest)));
    index({tagged(one, "v1"), tagged(one, "v1")});
    EXPECT_EQ(get(kind::manifest, "v1"), one.bytes);
}

TEST_F(Layout, EmptyTagIsTheOnlyImage) {
    const auto& one = keep(made.image("linux/amd64", "one"));
    const auto& two = keep(made.image("linux/arm64", "two"));
    const auto& artifact = keep(made.artifact());
    const std::string hex = one.digest.substr(7);
    index({artifact.about(one.digest, "sbom"), one.descriptor(), tagged(artifact, "sha256-" + hex),
           tagged(artifact, "sha256-" + hex + ".0123456789abcdef"), tagged(one, "v1")});
    EXPECT_EQ(get(kind::manifest, ""), one.bytes);
    index({tagged(one, "v1"), tagged(two, "v2")});
    EXPECT_THAT(get(kind::manifest, ""), AllOf(HasSubstr("ambiguous: oci:"), HasSubstr("v1, v2")));
    // Not quite a digest tag, so it counts.
    index({tagged(one, "v1"), tagged(two, "sha256-" + hex.substr(1))});
    EXPECT_THAT(get(kind::manifest, ""), HasSubstr("ambiguous: oci:"));
    index({tagged(artifact, "sha256-" + hex)});
    EXPECT_THAT(get(kind::manifest, ""), HasSubstr("missing: oci:"));
}

TEST_F(Layout, WhatIsNoDigestNeverBecomesAPath) {
    index({});
    files.write("secret", "c4n4ry");
    const std::vector<std::string> digests{"sha256:../../secret",
                                           "sha256:..",
                                           "sha256:",
                                           "sha256:/etc/passwd",
                                           "sha256:" + std::string(63, 'a'),
                                           "sha256:" + std::string(64, 'A'),
                                           "../secret",
                                           "sha512:" + std::string(64, 'a'),
                                           std::string("sha256:a\0b", 10)};
    for (const auto& digest : digests) {
        for (const auto what : {kind::blob, kind::presence, kind::referrers, kind::manifest}) {
            const bool tag = what == kind::manifest && !digest.starts_with("sha");
            EXPECT_THAT(get(what, digest), HasSubstr(tag ? "missing: oci:" : "malformed: oci:")) << digest;
        }
        EXPECT_THAT(read(digest, 6), HasSubstr("malformed: oci:")) << digest;
    }
    EXPECT_THAT(get(kind::blob, "blake3:aa"), HasSubstr("unsupported: oci:"));
    EXPECT_THAT(get(kind::manifest, "blake3:aa"), HasSubstr("missing: oci:"));
}

TEST_F(Layout, WrongBytes) {
    const auto& one = keep(made.image("linux/amd64", "one"));
    index({tagged(one, "v1")});
    std::string other = one.bytes;
    other[1] ^= 1;
    files.write(path_of(one.digest), other);
    EXPECT_THAT(get(kind::manifest, "v1"), AllOf(HasSubstr("digest mismatch: oci:"), HasSubstr(path_of(one.digest))));
    EXPECT_THAT(get(kind::manifest, one.digest), HasSubstr("digest mismatch: oci:"));
    EXPECT_THAT(read(one.digest, static_cast<std::int64_t>(one.bytes.size())), HasSubstr("digest mismatch: oci:"));
    files.write(path_of(one.digest), one.bytes + ' ');
    EXPECT_THAT(get(kind::manifest, "v1"), HasSubstr("size mismatch: oci:"));
    files.write(path_of(one.digest), "");
    EXPECT_THAT(get(kind::manifest, "v1"), HasSubstr("size mismatch: oci:"));
}

TEST_F(Layout, BlobsStream) {
    index({});
    std::string big((5u << 20) + 3, 'x');
    big[4u << 20] = 'y';
    const auto digest = test::sha256_of(big);
    files.write(path_of(digest), big);
    const auto size = static_cast<std::int64_t>(big.size());
    EXPECT_EQ(read(digest, size), big);
    EXPECT_THAT(read(digest, size - 1), HasSubstr("size mismatch: oci:"));
    EXPECT_THAT(read(digest, size + 1), HasSubstr("size mismatch: oci:"));
    EXPECT_THAT(read(digest, 0), HasSubstr("size mismatch: oci:"));
    EXPECT_THAT(read(digest, -1), HasSubstr("malformed: oci:"));
    EXPECT_THAT(read(digest, INT64_MAX), HasSubstr("size mismatch: oci:"));
    const auto empty = test::sha256_of("");
    files.write(path_of(empty), "");
    EXPECT_EQ(read(empty, 0), "");
    EXPECT_THAT(read(test::digest_of('a'), 1), HasSubstr("missing: oci:"));

    // The sink's own error ends its blob, and only that.
    auto layout = open_layout(files.path(), {});
    std::size_t calls = 0;
    const oci::blob blobs[] = {{digest, size,
                                [&](std::span<const std::byte>) -> status {
                                    ++calls;
                                    return {status_code::cancelled, "enough"};
                                }},
                               {empty, 0, [](std::span<const std::byte>) -> status { return {}; }}};
    const auto done = layout.value()->read(blobs);
    EXPECT_EQ(done[0].why().code, status_code::cancelled);
    EXPECT_EQ(calls, 1u);
    EXPECT_TRUE(done[1].ok());
}

TEST_F(Layout, Tags) {
    const auto& one = keep(made.image("linux/amd64", "one"));
    const auto& two = keep(made.image("linux/arm64", "two"));
    index({tagged(one, "v2"), tagged(two, "a"), one.descriptor(), tagged(one, "v1"), tagged(two, "v1"),
           tagged(one, "v10")});
    const auto tags = [&](const std::string& after, const std::string& prefix) {
        fetch_request what;
        what.what = kind::tags;
        what.reference = after;
        what.prefix = prefix;
        auto got = ask(what);
        EXPECT_TRUE(got.ok() && got.value().sorted);
        return got.value().tags;
    };
    EXPECT_THAT(tags("", ""), ElementsAre("a", "v1", "v10", "v2"));
    EXPECT_THAT(tags("v1", ""), ElementsAre("v10", "v2"));
    EXPECT_THAT(tags("", "v1"), ElementsAre("v1", "v10"));
    EXPECT_THAT(tags("v1", "v1"), ElementsAre("v10"));
    EXPECT_THAT(tags("v2", ""), IsEmpty());
}

TEST_F(Layout, Referrers) {
    const auto& image = keep(made.image("linux/amd64", "one"));
    auto document = json::parse(made.artifact("application/spdx+json", "sbom").bytes);
    document["subject"] = image.descriptor();
    document["artifactType"] = "application/spdx";
    document["annotations"] = {{"org.example.a", "1"}, {"org.example.b", "\"quoted\""}};
    const auto& sbom = keep(made.write(test::oci_manifest, document));
    document.erase("artifactType");
    document.erase("annotations");
    const auto& typeless = keep(made.write(test::oci_manifest, document));
    const auto& nested = keep(made.write(test::oci_index, json{{"schemaVersion", 2},
                                                               {"mediaType", test::oci_index},
                                                               {"artifactType", "application/bundle"},
                                                               {"manifests", json::array()},
                                                               {"subject", image.descriptor()}}));
    const auto& broken = keep(made.put(test::oci_manifest, R"({"subject":)"));
    document["subject"]["digest"] = test::digest_of('b');
    const auto& of_another = keep(made.write(test::oci_manifest, document));
    index({image.descriptor(), tagged(sbom, "sbom"), sbom.descriptor(), typeless.descriptor(), nested.descriptor(),
           broken.descriptor(), of_another.descriptor(),
           json{{"mediaType", test::oci_manifest}, {"digest", test::digest_of('f')}, {"size", 3}}});

    const auto list = json::parse(get(kind::referrers, image.digest));
    EXPECT_EQ(list["schemaVersion"], 2);
    EXPECT_EQ(list["mediaType"], test::oci_index);
    ASSERT_EQ(list["manifests"].size(), 3u);
    EXPECT_EQ(list["manifests"][0], (json{{"mediaType", test::oci_manifest},
                                          {"digest", sbom.digest},
                                          {"size", sbom.bytes.size()},
                                          {"artifactType", "application/spdx"},
                                          {"annotations", {{"org.example.a", "1"}, {"org.example.b", "\"quoted\""}}}}));
    EXPECT_EQ(list["manifests"][1]["digest"], typeless.digest);
    EXPECT_EQ(list["manifests"][1]["artifactType"], document["config"]["mediaType"]);
    EXPECT_EQ(list["manifests"][2]["digest"], nested.digest);
    EXPECT_EQ(list["manifests"][2]["artifactType"], "application/bundle");
    EXPECT_EQ(json::parse(get(kind::referrers, test::digest_of('b')))["manifests"].size(), 1u);
    EXPECT_EQ(json::parse(get(kind::referrers, sbom.digest))["manifests"], json::array());
    EXPECT_THAT(get(kind::referrers, image.digest, 100), HasSubstr("limit exceeded: oci:"));

    // The bounds, and a layout whose bytes are not what it says.
    fetch_request what;
    what.what = kind::referrers;
    what.reference = image.digest;
    what.max_bytes = plenty;
    discovery_limits few;
    for (const std::uint32_t listed : {0u, 2u, 6u, 7u}) {
        few.found = listed;
        const auto all = open_layout(files.path(), {}, few).value()->ask({&what, 1});
        ASSERT_TRUE(all[0].ok()) << listed;
        EXPECT_EQ(json::parse(all[0].value().documents[0])["manifests"].size(), 3u) << "others are blobs like any";
    }
    few.bytes = 500;
    const auto layout = open_layout(files.path(), {}, few);
    ASSERT_TRUE(layout.value()->ask({&what, 1})[0].ok());
    EXPECT_THAT(layout.value()->notices(), testing::Contains(HasSubstr("limit of 500 bytes")));
    files.write(path_of(of_another.digest), "{}");
    EXPECT_THAT(get(kind::referrers, image.digest), HasSubstr("digest mismatch: oci:"));
}

/// What was read and checked on the way to an image is not read again when it is come across: nor is it hashed.
TEST_F(Layout, ReadsAndChecksAManifestOnce) {
    const test::blob one = keep(made.image("linux/amd64", "one"));
    json about = json::parse(made.artifact().bytes);
    about["subject"] = one.descriptor();
    const test::blob sbom = keep(made.write(test::oci_manifest, about));
    index({tagged(one, "v1"), sbom.descriptor()});
    auto layout = std::move(open_layout(files.path(), {})).value();
    const auto answer = [&](kind what, const std::string& reference, std::uint64_t most = plenty) {
        const auto asked = oci::fetch_request_for(what, reference, most);
        return std::move(layout->ask({&asked, 1}).front());
    };
    EXPECT_EQ(answer(kind::manifest, "").value().documents.front(), one.bytes);
    files.write(path_of(one.digest), "other bytes");
    files.write(path_of(sbom.digest), "other bytes");
    EXPECT_EQ(answer(kind::manifest, one.digest).value().documents.front(), one.bytes);
    EXPECT_THAT(answer(kind::referrers, one.digest).value().documents.front(), HasSubstr(sbom.digest));
    // Who asks for less than it has is refused, and blobs are not kept.
    EXPECT_EQ(answer(kind::manifest, one.digest, 3).why().code, status_code::limit_exceeded);
    EXPECT_EQ(answer(kind::blob, one.digest).why().code, status_code::digest_mismatch);
}

TEST_F(Layout, SeesWhatOthersWriteMeanwhile) {
    const auto& one = keep(made.image("linux/amd64", "one"));
    index({tagged(one, "v1")});
    auto layout = open_layout(files.path(), {});
    ASSERT_TRUE(layout.ok());
    const auto ask_for = [&](kind asked, const std::string& reference) {
        fetch_request what;
        what.what = asked;
        what.reference = reference;
        what.max_bytes = plenty;
        return std::move(layout.value()->ask({&what, 1}).front());
    };
    EXPECT_TRUE(ask_for(kind::manifest, "v1").ok());
    EXPECT_EQ(json::parse(ask_for(kind::referrers, one.digest).value().documents[0])["manifests"].size(), 0u);
    auto document = json::parse(made.artifact().bytes);
    document["subject"] = one.descriptor();
    const auto& sbom = keep(made.write(test::oci_manifest, document));
    index({tagged(one, "v2"), sbom.descriptor()});
    EXPECT_EQ(ask_for(kind::manifest, "v1").why().code, status_code::missing);
    EXPECT_TRUE(ask_for(kind::manifest, "v2").ok());
    EXPECT_EQ(json::parse(ask_for(kind::referrers, one.digest).value().documents[0])["manifests"].size(), 1u);
    // Half written: what needs it fails, what does not goes on, and it recovers.
    const std::string whole = files.read("index.json");
    files.write("index.json", whole.substr(0, whole.size() / 2));
    EXPECT_EQ(ask_for(kind::manifest, "v2").why().code, status_code::malformed);
    EXPECT_THAT(ask_for(kind::tags, "").why().message, HasSubstr("index.json"));
    EXPECT_TRUE(ask_for(kind::manifest, one.digest).ok());
    files.write("index.json", whole);
    EXPECT_TRUE(ask_for(kind::manifest, "v2").ok());
    std::filesystem::remove_all(files.path());
    EXPECT_EQ(ask_for(kind::manifest, "v2").why().code, status_code::missing);
    EXPECT_EQ(ask_for(kind::blob, one.digest).why().code, status_code::missing);
}

}  // namespace
}  // namespace refract::layout
