/*
 * Copyright The refract Authors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Null pointers, wrong versions and calls out of order are errors, never crashes; every _free takes NULL.
 */
#include "check.h"

static void test_requests(void) {
    refract_request_options options;
    refract_request* request = NULL;
    refract_error error;
    memset(&options, 0, sizeof options);

    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_request_new(NULL, NULL, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_request_new(&request, NULL, &error));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_request_new(NULL, &options, &error));
    CHECK(error.status == REFRACT_INVALID_ARGUMENT && strstr(error.message, "NULL") != NULL);

    /* Built for no version, or for another one. */
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_request_new(&request, &options, &error));
    CHECK(strstr(error.message, "ABI version 0") != NULL);
    options.abi_version = REFRACT_ABI_VERSION + 1;
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_request_new(&request, &options, NULL));
    CHECK(request == NULL);

    /* All zero but the version is a request for every image. */
    options.abi_version = REFRACT_ABI_VERSION;
    CHECK_STATUS(REFRACT_OK, refract_request_new(&request, &options, NULL));
    refract_request_free(request);
    refract_request_free(NULL);

    /* Reading recurses, so nobody may allow it to recurse without end. */
    options.limits.json_depth = 1025;
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_request_new(&request, &options, &error));
    CHECK(strstr(error.message, "json_depth is 1025") != NULL);

    CHECK(refract_request_match(NULL, NULL) == 0);
    CHECK(refract_request_less(NULL, NULL, NULL) == 0);
    refract_limits_default(NULL);
}

static void test_walks(void) {
    refract_request* request = amd64_request(REFRACT_SELECT);
    const refract_result* result = NULL;
    const refract_notes* notes = NULL;
    const refract_references* references = NULL;
    refract_walk* walk = NULL;
    refract_need need;
    refract_error error;

    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_walk_new(NULL, NULL, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_walk_new(&walk, NULL, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_walk_new(NULL, request, NULL));
    CHECK(walk == NULL);
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, begin(NULL, &index_document, &need, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, feed(NULL, &index_document, &need, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_walk_missing(NULL, NULL, 0, &need, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_walk_result(NULL, &result, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_walk_check_again(NULL, NULL, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_walk_notes(NULL, &notes, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_walk_references(NULL, &references, NULL));
    refract_walk_free(NULL);

    CHECK_STATUS(REFRACT_OK, refract_walk_new(&walk, request, NULL));
    /* Nothing was begun, so there is nothing to feed and nothing to read. */
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, feed(walk, &image_document, &need, &error));
    CHECK(strstr(error.message, "waits for no document") != NULL);
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_walk_missing(walk, NULL, 0, &need, &error));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_walk_result(walk, &result, &error));
    CHECK(strstr(error.message, "not done") != NULL);
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_walk_check_again(walk, NULL, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_walk_notes(walk, &notes, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_walk_references(walk, &references, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_walk_begin(walk, NULL, 0, NULL, 0, 0, NULL, 0, NULL, NULL));

    /* Half way: nothing to read either. A need that nobody wants to see is fine. */
    CHECK_STATUS(REFRACT_NEED, begin(walk, &index_document, NULL, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_walk_result(walk, &result, NULL));
    CHECK(result == NULL && notes == NULL && references == NULL);
    CHECK_STATUS(REFRACT_NEED, feed(walk, &image_document, NULL, NULL));
    CHECK_STATUS(REFRACT_OK, feed(walk, &config_document, NULL, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_walk_result(walk, NULL, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_walk_notes(walk, NULL, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_walk_references(walk, NULL, NULL));
    CHECK_STATUS(REFRACT_OK, refract_walk_result(walk, &result, NULL));
    CHECK(result->selections_count == 1);

    /* Done is done. */
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, feed(walk, &config_document, NULL, NULL));
    refract_walk_free(walk);
    refract_request_free(request);
}

void test_arguments(void) {
    test_requests();
    test_walks();
}
