/*
 * Copyright The refract Authors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Errors: the status is returned and stands in the caller's struct with one line that says what, where and why.
 */
#include "check.h"

static void check_error(const refract_error* error, refract_status wanted, const char* const* words) {
    const size_t size = strlen(error->message);
    size_t i;
    CHECK(error->status == wanted);
    CHECK(size > 0 && size < REFRACT_ERROR_MESSAGE_SIZE);
    for (i = 0; i < size; ++i) CHECK((unsigned char)error->message[i] >= 0x20 && error->message[i] != 0x7F);
    for (; *words != NULL; ++words) {
        if (strstr(error->message, *words) != NULL) continue;
        (void)fprintf(stderr, "\"%s\" does not say \"%s\"\n", error->message, *words);
        exit(EXIT_FAILURE);
    }
}

#define CHECK_ERROR(error, wanted, ...)                          \
    do {                                                         \
        static const char* const words_[] = {__VA_ARGS__, NULL}; \
        check_error(error, wanted, words_);                      \
    } while (0)

static refract_status begin_with(refract_walk* walk, const char* type, const char* digest, int64_t size,
                                 const void* bytes, size_t bytes_size, refract_error* error) {
    refract_need need;
    return refract_walk_begin(walk, type, strlen(type), digest, strlen(digest), size, bytes, bytes_size, &need, error);
}

static void test_root(refract_walk* walk) {
    const struct document* const root = &index_document;
    const int64_t size = (int64_t)root->size;
    refract_error error;
    memset(&error, 0x7f, sizeof error);
    CHECK_STATUS(REFRACT_SIZE_MISMATCH,
                 begin_with(walk, INDEX_TYPE, root->digest, size + 1, root->bytes, root->size, &error));
    CHECK_ERROR(&error, REFRACT_SIZE_MISMATCH, "index sha256:717baff3", "721", "722");
    CHECK_STATUS(REFRACT_SIZE_MISMATCH,
                 begin_with(walk, INDEX_TYPE, root->digest, -1, root->bytes, root->size, &error));
    CHECK_STATUS(REFRACT_SIZE_MISMATCH, begin_with(walk, INDEX_TYPE, root->digest, size, NULL, 0, &error));
    CHECK_STATUS(REFRACT_DIGEST_MISMATCH,
                 begin_with(walk, INDEX_TYPE, image_document.digest, size, root->bytes, root->size, &error));
    CHECK_ERROR(&error, REFRACT_DIGEST_MISMATCH, "digest mismatch", "want sha256:395c0b4b", "got sha256:717baff3");
    CHECK_STATUS(REFRACT_MALFORMED,
                 begin_with(walk, INDEX_TYPE, "sha256:\x1b[31m", size, root->bytes, root->size, &error));
    CHECK_ERROR(&error, REFRACT_MALFORMED, "\\x1b[31m");
    CHECK_STATUS(REFRACT_UNSUPPORTED,
                 begin_with(walk, INDEX_TYPE, "blake3:abc", size, root->bytes, root->size, &error));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT,
                 begin_with(walk, MANIFEST_TYPE, root->digest, size, root->bytes, root->size, &error));
    /* A manifest where an index was named. */
    CHECK_STATUS(REFRACT_TYPE_MISMATCH,
                 begin_with(walk, INDEX_TYPE, image_document.digest, (int64_t)image_document.size, image_document.bytes,
                            image_document.size, &error));
    CHECK_ERROR(&error, REFRACT_TYPE_MISMATCH, "want an index, got a manifest");
}

static void test_documents(refract_walk* walk) {
    refract_error error;
    refract_need need;
    CHECK_STATUS(REFRACT_NEED, begin(walk, &index_document, &need, &error));
    CHECK_STATUS(REFRACT_MISSING, refract_walk_missing(walk, "404\nNot Found", 13, &need, &error));
    CHECK_ERROR(&error, REFRACT_MISSING, "manifests[1]", "sha256:395c0b4b", "404\\x0aNot Found");
    /* After an error the walk waits for nothing. */
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, feed(walk, &image_document, &need, &error));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_walk_missing(walk, "", 0, &need, &error));

    CHECK_STATUS(REFRACT_NEED, begin(walk, &index_document, &need, &error));
    int32_t accepted = 1;
    CHECK_STATUS(REFRACT_SIZE_MISMATCH, refract_walk_feed(walk, NULL, 0, &accepted, &need, &error));
    CHECK(accepted == 0);
    CHECK_ERROR(&error, REFRACT_SIZE_MISMATCH, "manifests[1]", "want 402 bytes, got 0");
}

/* Nothing matches: the error says, entry by entry, why. */
static void test_no_match(void) {
    const refract_platform wanted = platform("linux", "s390x");
    refract_request_options options;
    refract_request* request = NULL;
    refract_walk* walk = NULL;
    refract_error error;
    refract_need need;
    memset(&options, 0, sizeof options);
    options.abi_version = REFRACT_ABI_VERSION;
    options.platforms = &wanted;
    options.platforms_count = 1;
    CHECK_STATUS(REFRACT_OK, refract_request_new(&request, &options, NULL));
    CHECK_STATUS(REFRACT_OK, refract_walk_new(&walk, request, NULL));
    CHECK_STATUS(REFRACT_NO_MATCH, begin(walk, &index_document, &need, &error));
    CHECK_ERROR(&error, REFRACT_NO_MATCH, "linux/s390x", "sha256:717baff3", "manifests[0]", "sbom", "manifests[1]",
                "linux/amd64 does not match");
    refract_walk_free(walk);
    refract_request_free(request);
}

void test_errors(void) {
    refract_request* request = amd64_request(REFRACT_SELECT);
    refract_walk* walk = NULL;
    CHECK_STATUS(REFRACT_OK, refract_walk_new(&walk, request, NULL));
    test_root(walk);
    test_documents(walk);
    pull_thin(walk);
    refract_walk_free(walk);
    refract_request_free(request);
    test_no_match();
}
