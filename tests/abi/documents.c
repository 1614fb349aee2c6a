/*
 * Copyright The refract Authors.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "documents.h"

const struct document config_document =
    DOCUMENT(CONFIG_TYPE, "sha256:b7022a1d96c99388e55b893229e40420f41852921127cf26c0c1c88ab6d1c057",
             "{\"architecture\":\"amd64\",\"os\":\"linux\","
             "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:"
             "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
             "\"]}}");

const struct document image_document =
    DOCUMENT(MANIFEST_TYPE, "sha256:395c0b4b4988b401f06a6a2f8ec785986020e437bfe313ca2489dbf23c7d05ab",
             "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
             "\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
             "\"digest\":\"sha256:b7022a1d96c99388e55b893229e40420f41852921127cf26c0c1c88ab6d1c057\",\"size\":151},"
             "\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\","
             "\"digest\":\"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"size\":1024}]}");

const struct document sbom_document =
    DOCUMENT(MANIFEST_TYPE, "sha256:980341764c93744275b6aeb449bfd732ca511f3debc4cc7d08eb3d0028f1690a",
             "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
             "\"artifactType\":\"application/spdx+json\","
             "\"config\":{\"mediaType\":\"application/vnd.oci.empty.v1+json\","
             "\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2},"
             "\"layers\":[{\"mediaType\":\"application/spdx+json\","
             "\"digest\":\"sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\",\"size\":512}]}");

const struct document index_document =
    DOCUMENT(INDEX_TYPE, "sha256:717baff3d9ff405ca9675569a1a27e43d1db63cbe7f634981eb3938449167791",
             "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":["
             "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
             "\"digest\":\"sha256:980341764c93744275b6aeb449bfd732ca511f3debc4cc7d08eb3d0028f1690a\",\"size\":409,"
             "\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\"},"
             "\"annotations\":{\"org.opencontainers.reference.digest\":"
             "\"sha256:395c0b4b4988b401f06a6a2f8ec785986020e437bfe313ca2489dbf23c7d05ab\","
             "\"org.opencontainers.reference.type\":\"sbom\","
             "\"org.opencontainers.reference.description\":\"what is in it\"}},"
             "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
             "\"digest\":\"sha256:395c0b4b4988b401f06a6a2f8ec785986020e437bfe313ca2489dbf23c7d05ab\",\"size\":402,"
             "\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\"}}]}");

const struct document nesting_document =
    DOCUMENT(INDEX_TYPE, "sha256:ad0c5dfd70d3b63515afd6cecc84fd5f142f13f92bb1c90c6eb18c5c0ed572d4",
             "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":["
             "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
             "\"digest\":\"sha256:980341764c93744275b6aeb449bfd732ca511f3debc4cc7d08eb3d0028f1690a\",\"size\":409,"
             "\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\"},"
             "\"annotations\":{\"org.opencontainers.reference.digest\":"
             "\"sha256:395c0b4b4988b401f06a6a2f8ec785986020e437bfe313ca2489dbf23c7d05ab\","
             "\"org.opencontainers.reference.type\":\"sbom\","
             "\"org.opencontainers.reference.description\":\"what is in it\"}},"
             "{\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
             "\"digest\":\"sha256:717baff3d9ff405ca9675569a1a27e43d1db63cbe7f634981eb3938449167791\",\"size\":721}]}");
