// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>

#include "layout/fixture.h"
#include "layout/place.h"

namespace refract::layout {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* image_name = "io.containerd.image.name";

std::string hex(const test::blob& of) { return of.digest.substr(7); }

TEST_F(Layout, ATagFindsTheOneWholeNameThatEndsSo) {
    const auto& one = keep(made.image("linux/amd64", "one"));
    const auto& two = keep(made.image("linux/arm64", "two"));
    index({tagged(one, "registry.example:5000/team/app:1.0"), tagged(two, "registry.example:5000/team/other:2.0")});
    EXPECT_EQ(get(kind::manifest, "1.0"), one.bytes);
    EXPECT_EQ(get(kind::manifest, "registry.example:5000/team/app:1.0"), one.bytes);
    EXPECT_THAT(get(kind::manifest, "5000/team/app:1.0"), HasSubstr("missing: oci:"));
    EXPECT_THAT(get(kind::manifest, "0"), HasSubstr("missing: oci:"));
    index({tagged(one, "registry.example/app:1.0"), tagged(two, "registry.example/other:1.0")});
    EXPECT_THAT(get(kind::manifest, "1.0"), AllOf(HasSubstr("ambiguous: oci:"), HasSubstr("registry.example/app:1.0, "),
                                                  HasSubstr("registry.example/other:1.0")));
    // The same document by two names is one.
    index({tagged(one, "registry.example/app:1.0"), tagged(one, "registry.example/other:1.0")});
    EXPECT_EQ(get(kind::manifest, "1.0"), one.bytes);
    // What is called exactly so goes before what ends so.
    index({tagged(one, "1.0"), tagged(two, "registry.example/app:1.0")});
    EXPECT_EQ(get(kind::manifest, "1.0"), one.bytes);
}

TEST_F(Layout, KnowsTheNamesThatContainerdAndDockerWrite) {
    const auto& one = keep(made.image("linux/amd64", "one"));
    const auto& two = keep(made.image("linux/arm64", "two"));
    index({test::annotated(tagged(one, "3"), image_name, "docker.io/library/alpine:3"),
           test::annotated(tagged(two, "3"), image_name, "docker.io/library/busybox:3")});
    EXPECT_EQ(get(kind::manifest, "docker.io/library/alpine:3"), one.bytes);
    EXPECT_EQ(get(kind::manifest, "busybox:3"), two.bytes);
    EXPECT_THAT(get(kind::manifest, "3"), AllOf(HasSubstr("ambiguous: oci:"), HasSubstr("docker.io/library/alpine:3"),
                                                HasSubstr("docker.io/library/busybox:3")));
    EXPECT_THAT(get(kind::manifest, "4"), HasSubstr("docker.io/library/alpine:3, docker.io/library/busybox:3"));
    index({test::annotated(tagged(one, "3"), image_name, "docker.io/library/alpine:3")});
    EXPECT_EQ(get(kind::manifest, "3"), one.bytes);
    EXPECT_EQ(get(kind::manifest, "alpine:3"), one.bytes);
}

TEST_F(Layout, NamesThatAreShownLeadToTheirImages) {
    const auto& one = keep(made.image("linux/amd64", "one"));
    const auto& two = keep(made.image("linux/arm64", "two"));
    const auto& three = keep(made.image("linux/s390x", "three"));
    const std::string odd = "user@host/app:" + std::string(120, 'x');
    index({tagged(one, odd), tagged(two, "same"), tagged(three, "same")});
    EXPECT_THAT(get(kind::manifest, ""), AllOf(HasSubstr("ambiguous: oci:"), HasSubstr(odd),
                                               HasSubstr('@' + two.digest), Not(HasSubstr("same"))));
    EXPECT_EQ(get(kind::manifest, odd), one.bytes);
}

TEST_F(Layout, ItsPathIsTheShortestBeginningThatIsALayout) {
    const auto find = [&](const std::string& rest) {
        return find_path(oci::parse_image_name("oci:" + files.path() + '/' + rest).value());
    };
    for (const char* const folder : {"a", "c:d", "plain", "plain:x"}) files.write(std::string(folder) + "/file", "");
    files.write("a/index.json", "");
    files.write("c:d/index.json", "");
    files.write("plain:x/oci-layout", "");
    files.write("b.tar", "");
    const auto expect = [&](const std::string& rest, const std::string& path, const std::string& tag) {
        EXPECT_EQ(find(rest).repository, files.path(path)) << rest;
        EXPECT_EQ(find(rest).tag, tag) << rest;
    };
    expect("a", "a", "");
    expect("a:registry.example:5000/team/app:1.0", "a", "registry.example:5000/team/app:1.0");
    expect("a:feature/x@y", "a", "feature/x@y");
    expect("c:d", "c:d", "");
    expect("c:d:v1", "c:d", "v1");
    expect("b.tar:v1", "b.tar", "v1");
    expect("plain:x", "plain:x", "");  // a directory that is no layout does not hide one
    expect("plain:y", "plain", "y");
    expect("gone:v1", "gone", "v1");
    EXPECT_EQ(find("a:x/y:1@sha256:" + std::string(64, 'a')).tag, "x/y:1");
    EXPECT_EQ(find("a@sha256:" + std::string(64, 'a')).repository, files.path("a"));
}

TEST_F(Layout, ArtifactsBesideOneImageDoNotMakeItTwo) {
    const auto& image = keep(made.image("linux/amd64", "one"));
    const auto& by_descriptor = keep(made.artifact("application/vnd.example", "a"));
    const auto& by_bytes = keep(made.artifact("application/spdx+json", "b"));
    auto document = json::parse(made.image("linux/amd64", "attached").bytes);
    document["subject"] = image.descriptor();
    const auto& by_subject = keep(made.write(test::oci_manifest, document));
    document.erase("subject");
    document["artifactType"] = "application/vnd.example";
    const auto& by_type = keep(made.write(test::oci_manifest, document));
    const auto& unknown = keep(made.image("linux/amd64", "unknown"));
    const auto& bundle = keep(made.write(test::oci_index, json{{"schemaVersion", 2},
                                                               {"mediaType", test::oci_index},
                                                               {"artifactType", "application/bundle"},
                                                               {"manifests", json::array()}}));
    index({test::with(by_descriptor.descriptor(), "artifactType", "application/vnd.example"), by_bytes.descriptor(),
           by_subject.descriptor(), by_type.descriptor(), unknown.on("unknown/unknown"), bundle.descriptor(),
           image.descriptor()});
    EXPECT_EQ(get(kind::manifest, ""), image.bytes);
    // Bytes that are not what the digest names say nothing.
    files.write(path_of(by_bytes.digest), by_subject.bytes);
    EXPECT_THAT(get(kind::manifest, ""), HasSubstr("ambiguous: oci:"));
    // An artifact that is alone is what is meant.
    index({test::with(by_descriptor.descriptor(), "artifactType", "application/vnd.example")});
    EXPECT_EQ(get(kind::manifest, ""), by_descriptor.bytes);
}

TEST_F(Layout, WhatAnIndexListsAndWhatHasNoNameDoesNotCount) {
    const auto& one = keep(made.image("linux/amd64", "one"));
    const auto& two = keep(made.image("linux/arm64", "two"));
    const auto& other = keep(made.image("linux/arm64", "other"));
    const auto& inner = keep(made.index({two.on("linux/arm64")}));
    const auto& root = keep(made.index({one.on("linux/amd64"), inner.descriptor()}));
    // As oras has it: all that the tagged index holds is listed, too.
    index({one.descriptor(), two.descriptor(), inner.descriptor(), root.descriptor()});
    EXPECT_EQ(get(kind::manifest, ""), root.bytes);
    index({other.descriptor(), tagged(root, "v1")});
    EXPECT_EQ(get(kind::manifest, ""), root.bytes);
    index({tagged(other, "v0"), tagged(root, "v1")});
    EXPECT_THAT(get(kind::manifest, ""), AllOf(HasSubstr("ambiguous: oci:"), HasSubstr("v0, v1")));
    index({other.descriptor(), root.descriptor()});
    EXPECT_THAT(get(kind::manifest, ""), AllOf(HasSubstr("ambiguous: oci:"), HasSubstr('@' + other.digest)));
}

TEST_F(Layout, WhatCosignSavedHasCosignsTags) {
    const auto kind_of = [](const test::blob& of, const std::string& kind) {
        return test::annotated(of.descriptor(), "kind", "dev.cosignproject.cosign/" + kind);
    };
    const auto& image = keep(made.image("linux/amd64", "one"));
    const auto& signature = keep(made.artifact("application/vnd.dev.cosign.simplesigning.v1+json", "sig"));
    const auto& attestation = keep(made.artifact("application/vnd.dsse.envelope.v1+json", "att"));
    const auto tags = [&] { return ask(oci::fetch_request_for(kind::tags, "", 0)).value().tags; };
    for (const char* const of : {"image", "imageIndex"}) {
        index({kind_of(image, of), kind_of(signature, "sigs"), kind_of(attestation, "atts")});
        EXPECT_EQ(get(kind::manifest, ""), image.bytes);
        EXPECT_EQ(get(kind::manifest, "sha256-" + hex(image) + ".sig"), signature.bytes);
        EXPECT_EQ(get(kind::manifest, "sha256-" + hex(image) + ".att"), attestation.bytes);
        EXPECT_THAT(tags(), ElementsAre("sha256-" + hex(image) + ".att", "sha256-" + hex(image) + ".sig"));
    }
    // Whose they are is not known where there are two.
    index({kind_of(image, "image"), kind_of(keep(made.image("linux/arm64", "two")), "image"),
           kind_of(signature, "sigs")});
    EXPECT_THAT(tags(), IsEmpty());
    EXPECT_THAT(get(kind::manifest, ""), HasSubstr("ambiguous: oci:"));
}

TEST_F(Layout, DigestTagsInWholeNamesAreKnown) {
    const auto& image = keep(made.image("linux/amd64", "one"));
    const auto& signature = keep(made.image("linux/amd64", "signature"));
    const std::string tag = "sha256-" + hex(image) + ".sig";
    index({tagged(image, "registry.example/app:1.0"), tagged(signature, "registry.example/app:" + tag)});
    EXPECT_EQ(get(kind::manifest, ""), image.bytes);
    EXPECT_EQ(get(kind::manifest, tag), signature.bytes);
    EXPECT_THAT(ask(oci::fetch_request_for(kind::tags, "", 0)).value().tags, testing::Contains(tag));
}

TEST_F(Layout, ManyEntriesOfOneNameAreNotTriedWithEachOther) {
    std::vector<json> entries;
    for (int number = 0; number < 9000; ++number) {
        const auto digits = std::to_string(number);
        const auto digest = "sha256:" + std::string(64 - digits.size(), '0') + digits;
        entries.push_back(json{{"mediaType", test::oci_manifest},
                               {"digest", digest},
                               {"size", 1},
                               {"annotations", {{ref_name, "same/name:v1"}}}});
    }
    index(entries);
    EXPECT_THAT(get(kind::manifest, "v1"), HasSubstr("ambiguous: oci:"));
    EXPECT_THAT(get(kind::manifest, "v2"), AllOf(HasSubstr("missing: oci:"), HasSubstr("and 8990 more")));
}

}  // namespace
}  // namespace refract::layout
