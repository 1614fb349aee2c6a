// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/media_type.h"

#include <gtest/gtest.h>

#include "oci/kind.h"

#include "registry.h"

namespace refract::oci {
namespace {

TEST(MediaType, Kinds) {
    EXPECT_EQ(kind_of(test::oci_index), media_kind::index);
    EXPECT_EQ(kind_of(test::docker_index), media_kind::index);
    EXPECT_EQ(kind_of(test::oci_manifest), media_kind::manifest);
    EXPECT_EQ(kind_of(test::docker_manifest), media_kind::manifest);
    for (const char* const other :
         {"", test::oci_config, "application/octet-stream", "application/vnd.oci.image.index.v1+JSON",
          "application/vnd.oci.image.index.v1+json ", "application/vnd.oci.image.index.v2+json",
          "application/vnd.oci.image.manifest.v1+json; charset=utf-8"}) {
        EXPECT_EQ(kind_of(other), media_kind::other) << other;
    }
}

TEST(MediaType, Configs) {
    EXPECT_TRUE(is_image_config(test::oci_config));
    EXPECT_TRUE(is_image_config(test::docker_config));
    EXPECT_FALSE(is_image_config("application/vnd.oci.empty.v1+json"));
    EXPECT_TRUE(is_legacy_docker_config(test::docker_manifest, "application/octet-stream"));
    EXPECT_FALSE(is_legacy_docker_config(test::oci_manifest, "application/octet-stream"));
}

TEST(MediaType, FileSystemLayers) {
    for (const char* const layer :
         {test::oci_layer, "application/vnd.oci.image.layer.v1.tar+zstd",
          "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
          "application/vnd.oci.image.layer.nondistributable.v1.tar", "application/vnd.docker.image.rootfs.diff.tar",
          "application/vnd.docker.image.rootfs.diff.tar.gzip",
          "application/vnd.docker.image.rootfs.diff.tar.gzip+encrypted",
          "application/vnd.docker.image.rootfs.foreign.diff.tar", "application/vnd.erofs.layer.v1"}) {
        EXPECT_TRUE(is_file_system_layer(layer)) << layer;
    }
    for (const char* const other :
         {"", "+", "application/wasm", "application/vnd.wasm.content.layer.v1+wasm", "application/vnd.in-toto+json",
          "application/vnd.docker.image.rootfs.diff", "application/vnd.docker.image.rootfs.foreign.diff.tar.zstd"}) {
        EXPECT_FALSE(is_file_system_layer(other)) << other;
    }
}

TEST(MediaType, Payloads) {
    for (const char* const payload :
         {"application/vnd.in-toto+json", "application/spdx+json", "text/spdx",
          "application/vnd.cyclonedx+json;version=1.5", "application/vnd.dev.cosign.simplesigning.v1+json",
          "application/vnd.amazon.soci.index.v2+json", "application/vnd.oci.empty.v1+json",
          "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/vnd.dev.sigstore.bundle.v0.3+json",
          "application/sarif+json"}) {
        EXPECT_TRUE(is_artifact_payload(payload)) << payload;
    }
    for (const char* const layer :
         {test::oci_layer, "application/vnd.docker.image.rootfs.diff.tar.gzip", "application/wasm",
          "application/vnd.wasm.content.layer.v1+wasm", "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
          "application/vnd.erofs.layer.v1", ""}) {
        EXPECT_FALSE(is_artifact_payload(layer)) << layer;
    }
}

}  // namespace
}  // namespace refract::oci
