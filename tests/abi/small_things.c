/*
 * Copyright The refract Authors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Versions, names, digests: what needs neither a request nor a walk.
 */
#include "check.h"

static void test_names(void) {
    static const char* const statuses[] = {
        "ok",        "need",           "invalid argument", "out of memory",   "internal error", "malformed",
        "ambiguous", "limit exceeded", "size mismatch",    "digest mismatch", "type mismatch",  "no match",
        "missing",   "unsupported"};
    size_t i;
    for (i = 0; i < sizeof statuses / sizeof statuses[0]; ++i) {
        CHECK(same(refract_status_text((refract_status)i), statuses[i]));
    }
    CHECK(same(refract_source_name(REFRACT_SOURCE_INDEX), "index"));
    CHECK(same(refract_source_name(REFRACT_SOURCE_ANNOTATION), "annotation"));
    CHECK(same(refract_source_name(REFRACT_SOURCE_BUILDKIT), "buildkit"));
    CHECK(same(refract_source_name(REFRACT_SOURCE_SOCI), "soci"));
    CHECK(same(refract_kind_name(REFRACT_KIND_SBOM), "sbom") && same(refract_kind_name(REFRACT_KIND_NYDUS), "nydus"));
    CHECK(refract_kind_name(0).size == 0 && refract_kind_name(3).size == 0 && refract_kind_name(256).size == 0);
    CHECK(refract_kind_named("signature", 9) == REFRACT_KIND_SIGNATURE);
    CHECK(refract_kind_named("application/spdx+json", 21) == 0 && refract_kind_named(NULL, 0) == 0);
    CHECK(refract_source_name(0).size == 0 && refract_source_name(3).size == 0 && refract_source_name(256).size == 0);
    CHECK(refract_media_type_kind(INDEX_TYPE, strlen(INDEX_TYPE)) == REFRACT_DOCUMENT_INDEX);
    CHECK(refract_media_type_kind(MANIFEST_TYPE, strlen(MANIFEST_TYPE)) == REFRACT_DOCUMENT_MANIFEST);
    CHECK(refract_media_type_kind(CONFIG_TYPE, strlen(CONFIG_TYPE)) == REFRACT_DOCUMENT_OTHER);
    CHECK(refract_media_type_kind(NULL, 0) == REFRACT_DOCUMENT_OTHER);
}

static void test_versions(void) {
    CHECK(refract_abi_version() == REFRACT_ABI_VERSION);
    CHECK(same(refract_version(), REFRACT_EXPECTED_VERSION));
    CHECK(refract_simd_kernel().size > 0);
    CHECK(refract_simd_kernel().data == refract_simd_kernel().data);
}

static void test_limits(void) {
    refract_limits limits;
    memset(&limits, 0, sizeof limits);
    refract_limits_default(&limits);
    CHECK(limits.document_bytes == 4u << 20);
    CHECK(limits.config_bytes == 4u << 20);
    CHECK(limits.json_depth == 64);
    CHECK(limits.nesting == 8);
    CHECK(limits.documents == 256);
    CHECK(limits.annotation_bytes == 64u << 10);
    CHECK(limits.fetched_references == 1000);
    CHECK(limits.entries == 10000);
}

static refract_status verify(const char* digest, const struct document* of, refract_error* error) {
    return refract_digest_verify(digest, strlen(digest), of->bytes, of->size, error);
}

static void test_digests(void) {
    refract_error error;
    CHECK_STATUS(REFRACT_OK, verify(config_document.digest, &config_document, &error));
    CHECK_STATUS(REFRACT_OK, verify(image_document.digest, &image_document, &error));
    CHECK_STATUS(REFRACT_OK, verify(sbom_document.digest, &sbom_document, &error));
    CHECK_STATUS(REFRACT_OK, verify(index_document.digest, &index_document, &error));
    CHECK_STATUS(REFRACT_OK, verify(nesting_document.digest, &nesting_document, NULL));
    CHECK_STATUS(REFRACT_DIGEST_MISMATCH, verify(config_document.digest, &image_document, NULL));
    CHECK_STATUS(REFRACT_MALFORMED, verify("sha256:", &image_document, &error));
    CHECK_STATUS(REFRACT_UNSUPPORTED, verify("blake3:0123", &image_document, &error));
    CHECK_STATUS(REFRACT_MALFORMED, refract_digest_verify(NULL, 0, NULL, 0, &error));
    /* The digest of nothing. */
    CHECK_STATUS(REFRACT_OK,
                 refract_digest_verify("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 71,
                                       NULL, 0, NULL));
}

static void test_printable(void) {
    char shown[16];
    memset(shown, 'x', sizeof shown);
    CHECK(refract_printable("a\x1b[b", 4, shown, sizeof shown) == 7 && memcmp(shown, "a\\x1b[bx", 8) == 0);
    /* What does not fit is counted and not written. */
    memset(shown, 'x', sizeof shown);
    CHECK(refract_printable("\xe2\x80\x8b.", 4, shown, 5) == 13 && memcmp(shown, "\\xe2\\x", 5) == 0 &&
          shown[5] == 'x');
    CHECK(refract_printable("ab", 2, NULL, 0) == 2 && refract_printable(NULL, 0, NULL, 0) == 0);
}

void test_small_things(void) {
    test_printable();
    test_names();
    test_versions();
    test_limits();
    test_digests();
}
