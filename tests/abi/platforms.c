/*
 * Copyright The refract Authors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The matcher, and the options that shape a request.
 */
#include "check.h"

static refract_request* request_for(const refract_platform* platforms, size_t count, refract_match match) {
    refract_request_options options;
    refract_request* request = NULL;
    memset(&options, 0, sizeof options);
    options.abi_version = REFRACT_ABI_VERSION;
    options.match = match;
    options.platforms = platforms;
    options.platforms_count = count;
    CHECK_STATUS(REFRACT_OK, refract_request_new(&request, &options, NULL));
    return request;
}

static void test_matching(void) {
    refract_platform arm = platform("linux", "arm");
    const refract_platform amd64 = platform("linux", "x86_64");
    const refract_platform i386 = platform("linux", "386");
    const refract_platform windows = platform("windows", "amd64");
    const refract_platform both[2] = {platform("linux", "386"), platform("linux", "amd64")};
    refract_request* request = request_for(&amd64, 1, REFRACT_MATCH_EXACT);
    CHECK(refract_request_match(request, &both[1]) == 1);
    CHECK(refract_request_match(request, &i386) == 0);
    CHECK(refract_request_match(request, &windows) == 0);
    CHECK(refract_request_match(request, NULL) == 0);
    CHECK(refract_request_less(request, &both[1], &i386) == 1);
    CHECK(refract_request_less(request, &i386, &both[1]) == 0);
    refract_request_free(request);

    request = request_for(&amd64, 1, REFRACT_MATCH_COMPATIBLE);
    CHECK(refract_request_match(request, &i386) == 1);
    CHECK(refract_request_less(request, &amd64, &i386) == 1);
    refract_request_free(request);

    request = request_for(both, 2, REFRACT_MATCH_EXACT);
    CHECK(refract_request_less(request, &i386, &amd64) == 1);
    refract_request_free(request);

    /* No platform: all of them. */
    request = request_for(NULL, 0, REFRACT_MATCH_EXACT);
    CHECK(refract_request_match(request, &windows) == 1);
    refract_request_free(request);

    arm.variant = text("v7");
    request = request_for(&arm, 1, REFRACT_MATCH_COMPATIBLE);
    arm.variant = text("v6");
    CHECK(refract_request_match(request, &arm) == 1);
    arm.variant = text("v8");
    CHECK(refract_request_match(request, &arm) == 0);
    refract_request_free(request);
}

static void test_features(void) {
    const refract_string features[2] = {{"gpu", 3}, {"sse9", 4}};
    refract_platform wanted = platform("linux", "amd64");
    refract_platform entry = platform("linux", "amd64");
    refract_request* request = NULL;
    wanted.os_features = features;
    wanted.os_features_count = 1;
    request = request_for(&wanted, 1, REFRACT_MATCH_EXACT);
    entry.os_features = features;
    entry.os_features_count = 1;
    CHECK(refract_request_match(request, &entry) == 1);
    CHECK(refract_request_less(request, &entry, &wanted) == 0);
    entry.os_features_count = 2;
    CHECK(refract_request_match(request, &entry) == 0);
    refract_request_free(request);
}

/* The policy's marks: fetch references, but only of one type. */
static int wanted_with_type(const char* type) {
    const refract_platform wanted = platform("linux", "amd64");
    const refract_string types[1] = {text(type)};
    const refract_references* references = NULL;
    refract_request_options options;
    refract_request* request = NULL;
    refract_walk* walk = NULL;
    int answer = 0;
    memset(&options, 0, sizeof options);
    options.abi_version = REFRACT_ABI_VERSION;
    options.platforms = &wanted;
    options.platforms_count = 1;
    options.fetch_references = 1;
    options.reference_types = types;
    options.reference_types_count = type[0] == '\0' ? 0 : 1;
    CHECK_STATUS(REFRACT_OK, refract_request_new(&request, &options, NULL));
    CHECK_STATUS(REFRACT_OK, refract_walk_new(&walk, request, NULL));
    CHECK_STATUS(REFRACT_NEED, begin(walk, &index_document, NULL, NULL));
    CHECK_STATUS(REFRACT_NEED, feed(walk, &image_document, NULL, NULL));
    CHECK_STATUS(REFRACT_OK, feed(walk, &config_document, NULL, NULL));
    CHECK_STATUS(REFRACT_OK, refract_walk_references(walk, &references, NULL));
    CHECK(references->count == 1);
    answer = references->references[0].wanted;
    refract_walk_free(walk);
    refract_request_free(request);
    return answer;
}

/* A limit of zero is the default; any other replaces it. */
static void test_limits(void) {
    const refract_platform wanted = platform("linux", "amd64");
    refract_request_options options;
    refract_request* request = NULL;
    refract_walk* walk = NULL;
    refract_error error;
    refract_need need;
    memset(&options, 0, sizeof options);
    options.abi_version = REFRACT_ABI_VERSION;
    options.platforms = &wanted;
    options.platforms_count = 1;
    options.limits.documents = 2;
    CHECK_STATUS(REFRACT_OK, refract_request_new(&request, &options, NULL));
    CHECK_STATUS(REFRACT_OK, refract_walk_new(&walk, request, NULL));
    CHECK_STATUS(REFRACT_NEED, begin(walk, &index_document, &need, &error));
    CHECK_STATUS(REFRACT_LIMIT_EXCEEDED, feed(walk, &image_document, &need, &error));
    CHECK(strstr(error.message, "limit of 2 documents") != NULL);
    refract_walk_free(walk);
    refract_request_free(request);

    options.limits.documents = 0;
    options.limits.document_bytes = index_document.size - 1;
    CHECK_STATUS(REFRACT_OK, refract_request_new(&request, &options, NULL));
    CHECK_STATUS(REFRACT_OK, refract_walk_new(&walk, request, NULL));
    CHECK_STATUS(REFRACT_LIMIT_EXCEEDED, begin(walk, &index_document, &need, &error));
    refract_walk_free(walk);
    refract_request_free(request);
}

void test_platforms(void) {
    test_matching();
    test_features();
    test_limits();
    CHECK(wanted_with_type("") == 1);
    CHECK(wanted_with_type("sbom") == 1);
    CHECK(wanted_with_type("SBOM") == 0);
    CHECK(wanted_with_type("signature") == 0);
}
