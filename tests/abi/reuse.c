/*
 * Copyright The refract Authors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * One walk for one root after another: what an earlier one left must not be seen by the next.
 */
#include "check.h"

/* Nested: the same image, one index deeper, found by way of an index that declares no platform. */
static void pull_nested(refract_walk* walk) {
    const refract_result* result = NULL;
    const refract_references* references = NULL;
    refract_need need;
    CHECK_STATUS(REFRACT_NEED, begin(walk, &nesting_document, &need, NULL));
    CHECK(need.kind == REFRACT_DOCUMENT_INDEX && same(need.descriptor.digest, index_document.digest));
    CHECK(need.descriptor.platform == NULL);
    CHECK(!need.required);
    CHECK_STATUS(REFRACT_NEED, feed(walk, &index_document, &need, NULL));
    CHECK_STATUS(REFRACT_NEED, feed(walk, &image_document, &need, NULL));
    CHECK_STATUS(REFRACT_OK, feed(walk, &config_document, &need, NULL));

    CHECK_STATUS(REFRACT_OK, refract_walk_result(walk, &result, NULL));
    CHECK(result->documents_count == 4);
    CHECK(result->selections_count == 1 && result->selections[0].path_count == 2);
    CHECK(result->selections[0].path[0].document == 0 && result->selections[0].path[0].position == 1);
    CHECK(result->selections[0].path[1].document == 1 && result->selections[0].path[1].position == 1);
    CHECK(result->children_count == 2);
    CHECK(result->left_out_count == 2);

    /* The SBOM stands in both indexes and is one reference. */
    CHECK_STATUS(REFRACT_OK, refract_walk_references(walk, &references, NULL));
    CHECK(references->count == 1 && result->references_count == 1);
    CHECK(references->references[0].place.document == 0 && references->references[0].place.position == 0);
}

/* Listing reads nested indexes only, and selects nothing. */
static void list(void) {
    refract_request* request = amd64_request(REFRACT_LIST);
    const refract_result* result = NULL;
    refract_walk* walk = NULL;
    refract_need need;
    CHECK_STATUS(REFRACT_OK, refract_walk_new(&walk, request, NULL));
    CHECK_STATUS(REFRACT_NEED, begin(walk, &nesting_document, &need, NULL));
    CHECK(need.kind == REFRACT_DOCUMENT_INDEX);
    CHECK_STATUS(REFRACT_OK, feed(walk, &index_document, &need, NULL));
    CHECK_STATUS(REFRACT_OK, refract_walk_result(walk, &result, NULL));
    CHECK(result->selections_count == 0 && result->children_count == 0);
    CHECK(result->references_count == 1 && result->unread_indexes_count == 0);

    /* And again, with the nested index missing: what it holds is not known. */
    CHECK_STATUS(REFRACT_NEED, begin(walk, &nesting_document, &need, NULL));
    CHECK_STATUS(REFRACT_OK, refract_walk_missing(walk, "404 Not Found", 13, &need, NULL));
    CHECK_STATUS(REFRACT_OK, refract_walk_result(walk, &result, NULL));
    CHECK(result->documents_count == 1 && result->unread_indexes_count == 1);
    refract_walk_free(walk);
    refract_request_free(request);
}

void test_reuse(void) {
    refract_request* request = amd64_request(REFRACT_SELECT);
    refract_walk* walk = NULL;
    refract_need need;
    int round;
    CHECK_STATUS(REFRACT_OK, refract_walk_new(&walk, request, NULL));
    for (round = 0; round < 3; ++round) {
        pull_thin(walk);
        pull_nested(walk);
        /* Left half way, and after an error. */
        CHECK_STATUS(REFRACT_NEED, begin(walk, &index_document, &need, NULL));
        pull_nested(walk);
        CHECK_STATUS(REFRACT_NEED, begin(walk, &index_document, &need, NULL));
        CHECK_STATUS(REFRACT_SIZE_MISMATCH, feed(walk, &config_document, &need, NULL));
    }
    pull_thin(walk);

    /* The caller's bytes and strings are copied: they may be gone by the time the result is read. */
    {
        char* const copy = malloc(index_document.size);
        CHECK(copy != NULL);
        memcpy(copy, index_document.bytes, index_document.size);
        CHECK_STATUS(REFRACT_NEED, refract_walk_begin(walk, INDEX_TYPE, strlen(INDEX_TYPE), index_document.digest,
                                                      strlen(index_document.digest), (int64_t)index_document.size, copy,
                                                      index_document.size, &need, NULL));
        memset(copy, 'x', index_document.size);
        free(copy);
        CHECK(same(need.descriptor.digest, image_document.digest));
        CHECK_STATUS(REFRACT_NEED, feed(walk, &image_document, &need, NULL));
        CHECK_STATUS(REFRACT_OK, feed(walk, &config_document, &need, NULL));
    }

    /* A step that a finished walk cannot make takes nothing away of what it has handed out. */
    {
        const refract_result* result = NULL;
        CHECK_STATUS(REFRACT_OK, refract_walk_result(walk, &result, NULL));
        CHECK_STATUS(REFRACT_INVALID_ARGUMENT, feed(walk, &config_document, &need, NULL));
        CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_walk_missing(walk, "gone", 4, &need, NULL));
        CHECK(result->selections_count == 1 && same(result->selections[0].manifest.digest, image_document.digest));
    }
    refract_walk_free(walk);
    refract_request_free(request);
    list();
}
