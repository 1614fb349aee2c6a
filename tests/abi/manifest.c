/*
 * Copyright The refract Authors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * One manifest on its own, as `references get` reads it.
 */
#include "check.h"

static refract_status read_manifest(const struct document* from, refract_manifest** out,
                                    const refract_manifest_view** view, refract_error* error) {
    return refract_manifest_new(out, from->digest, strlen(from->digest), from->bytes, from->size, view, error);
}

static refract_status identify(const struct document* from, const char* served_as, refract_identity** out,
                               const refract_identity_view** view, refract_error* error) {
    return refract_identity_new(out, served_as, strlen(served_as), from->bytes, from->size, view, error);
}

static void test_identity(void) {
    const refract_identity_view* view = NULL;
    refract_identity* identity = NULL;
    refract_error error;

    CHECK_STATUS(REFRACT_OK, identify(&sbom_document, "application/json", &identity, &view, &error));
    CHECK(view->kind == REFRACT_DOCUMENT_MANIFEST && same(view->media_type, MANIFEST_TYPE));
    CHECK(same(view->artifact_type, "application/spdx+json") && view->subject.size == 0);
    refract_identity_free(identity);
    refract_identity_free(NULL);

    identity = NULL;
    view = NULL;
    CHECK_STATUS(REFRACT_OK, identify(&index_document, "", &identity, &view, NULL));
    CHECK(view->kind == REFRACT_DOCUMENT_INDEX && same(view->media_type, INDEX_TYPE));
    refract_identity_free(identity);

    identity = NULL;
    view = NULL;
    CHECK_STATUS(REFRACT_MALFORMED, identify(&config_document, INDEX_TYPE, &identity, &view, &error));
    CHECK_STATUS(REFRACT_MALFORMED, refract_identity_new(&identity, NULL, 0, NULL, 0, &view, &error));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, identify(&index_document, "", NULL, &view, &error));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, identify(&index_document, "", &identity, NULL, NULL));
    CHECK(identity == NULL && view == NULL);
}

void test_manifest(void) {
    const refract_manifest_view* view = NULL;
    refract_manifest* manifest = NULL;
    refract_error error;

    CHECK_STATUS(REFRACT_OK, read_manifest(&sbom_document, &manifest, &view, &error));
    CHECK(same(view->media_type, MANIFEST_TYPE));
    CHECK(same(view->artifact_type, "application/spdx+json"));
    CHECK(view->subject.size == 0);
    CHECK(same(view->config.media_type, "application/vnd.oci.empty.v1+json") && view->config.size == 2);
    CHECK(view->config.platform == NULL);
    CHECK(view->layers_count == 1);
    CHECK(same(view->layers[0].media_type, "application/spdx+json") && view->layers[0].size == 512);
    CHECK(view->layer_types[0].types_count == 1 && view->layer_types[0].kinds == REFRACT_KIND_SBOM);
    CHECK(same(view->layer_types[0].types[0], "application/spdx+json"));
    refract_manifest_free(manifest);
    refract_manifest_free(NULL);

    manifest = NULL;
    view = NULL;
    CHECK_STATUS(REFRACT_TYPE_MISMATCH, read_manifest(&index_document, &manifest, &view, &error));
    CHECK(strstr(error.message, index_document.digest) != NULL);
    CHECK_STATUS(REFRACT_DIGEST_MISMATCH,
                 refract_manifest_new(&manifest, image_document.digest, strlen(image_document.digest),
                                      sbom_document.bytes, sbom_document.size, &view, &error));
    CHECK_STATUS(REFRACT_MALFORMED, refract_manifest_new(&manifest, NULL, 0, NULL, 0, &view, &error));
    CHECK_STATUS(REFRACT_MALFORMED, refract_manifest_new(&manifest, "sha256:\x1b[31m\n", 13, "{}", 2, &view, &error));
    CHECK(strchr(error.message, '\x1b') == NULL && strchr(error.message, '\n') == NULL);
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, read_manifest(&sbom_document, NULL, &view, &error));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, read_manifest(&sbom_document, &manifest, NULL, NULL));
    CHECK(manifest == NULL && view == NULL);
    test_identity();
}
