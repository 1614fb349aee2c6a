// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/image_name.h"

#include <gtest/gtest.h>

namespace refract::oci {
namespace {

const std::string named_digest = "sha256:" + std::string(64, 'a');

std::string full(const std::string& text) {
    auto got = parse_image_name(text);
    return got.ok() ? got.value().text() : "refused";
}

TEST(ImageName, FollowsDockersDefaults) {
    EXPECT_EQ(full("alpine"), "docker.io/library/alpine:latest");
    EXPECT_EQ(full("docker.io/alpine:3"), "docker.io/library/alpine:3");
    EXPECT_EQ(full("team/app"), "docker.io/team/app:latest");
    EXPECT_EQ(full("localhost/app:v1"), "localhost/app:v1");
    EXPECT_EQ(full("registry.example:5000/a/b_c/d--e:1.0"), "registry.example:5000/a/b_c/d--e:1.0");
    EXPECT_EQ(full("[::1]:5000/a:b"), "[::1]:5000/a:b");
}

TEST(ImageName, TakesTheDigestBeforeTheTag) {
    const auto got = parse_image_name("registry.example/a:v1@" + named_digest);
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(got.value().reference(), named_digest);
    EXPECT_EQ(got.value().tag, "v1");
}

TEST(ImageName, KnowsLayouts) {
    EXPECT_EQ(parse_image_name("oci:dir").value().tag, "");
    EXPECT_EQ(parse_image_name("oci:./a:b/dir:v1").value().repository, "./a:b/dir");
    EXPECT_EQ(parse_image_name("oci:/a@b/dir").value().repository, "/a@b/dir");
    EXPECT_EQ(parse_image_name("oci:/a/dir@" + named_digest).value().digest, named_digest);
}

TEST(ImageName, ATagOfALayoutMayHoldAnything) {
    EXPECT_EQ(full("oci:dir:user@host"), "oci:dir:user@host");
    EXPECT_EQ(parse_image_name("oci:dir:user@host:1").value().digest, "");
    EXPECT_EQ(parse_image_name("oci:dir:team/app:1@" + named_digest).value().digest, named_digest);
    EXPECT_EQ(parse_image_name("oci:/a@" + named_digest + "/dir").value().digest, "");
    for (const auto* const text : {"oci:dir@sha256:xyz", "oci:dir@blake3:00"}) EXPECT_EQ(full(text), "refused") << text;
    EXPECT_TRUE(parse_image_name(std::string("oci:a\0b", 7)).failed());
}

TEST(ImageName, KnowsWhatOtherToolsWriteInFront) {
    EXPECT_EQ(full("docker://alpine:3"), "docker.io/library/alpine:3");
    EXPECT_EQ(full("ocidir://some/dir:v1"), "oci:some/dir:v1");
    EXPECT_EQ(full("oci-archive:file.tar:v1"), "oci:file.tar:v1");
    EXPECT_EQ(full("oci:///abs/dir"), "oci:///abs/dir");
    // These are names of images.
    for (const auto* const text : {"dir:v1", "docker:27", "sif:latest"}) {
        EXPECT_EQ(full(text), "docker.io/library/" + std::string(text));
    }
    const auto advice = [](const std::string& text) {
        const auto got = parse_image_name(text);
        return got.ok() ? "taken for " + got.value().text() : got.why().message;
    };
    const auto expect = [&](const std::string& text, const std::string& part) {
        EXPECT_NE(advice(text).find(part), std::string::npos) << advice(text);
    };
    expect("oci://registry.example/app:1.0", "write registry.example/app:1.0");
    expect("https://registry.example/app", "write registry.example/app");
    expect("docker-archive:file.tar", "write oci:FILE");
    expect("docker-archive:file.tar", "skopeo copy docker-archive:file.tar oci:DIR");
    expect("containers-storage:app:1", "skopeo copy containers-storage:app:1 oci:DIR");
    expect("docker-daemon:app:1", "skopeo copy docker-daemon:app:1 oci:DIR");
    expect("dir:/some/where", "skopeo copy dir:/some/where oci:DIR");
}

TEST(ImageName, RefusesWhatIsNone) {
    for (const auto* const text :
         {"", "oci:", "oci:dir:", "registry.example/", "registry.example/A", "registry.example/a//b",
          "registry.example/a:", "registry.example/a:-x", "registry.example/../a", "a b/c", "-a/b",
          "registry.example/a@sha256:xyz", "registry.example:port/a", "registry.example/a@blake3:00",
          "http://registry.example/a", "a.b/c\nd"}) {
        EXPECT_EQ(full(text), "refused") << text;
    }
}

}  // namespace
}  // namespace refract::oci
