// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/image_name.h"

#include <gtest/gtest.h>

namespace refract::oci {
namespace {

const std::string digest = "sha256:" + std::string(64, 'a');

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
    const auto got = parse_image_name("registry.example/a:v1@" + digest);
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(got.value().reference(), digest);
    EXPECT_EQ(got.value().tag, "v1");
}

TEST(ImageName, KnowsLayouts) {
    EXPECT_EQ(parse_image_name("oci:dir").value().tag, "");
    EXPECT_EQ(parse_image_name("oci:./a:b/dir:v1").value().repository, "./a:b/dir");
    EXPECT_EQ(parse_image_name("oci:/a@b/dir").value().repository, "/a@b/dir");
    EXPECT_EQ(parse_image_name("oci:/a/dir@" + digest).value().digest, digest);
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
