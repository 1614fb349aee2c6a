/*
 * Copyright The refract Authors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a pull finds attached: told by the index, asked of the repository, or remembered from an earlier pull.
 */
#include "check.h"

#define DIGEST_TAGS ((uint32_t)REFRACT_SOURCE_DIGEST_TAG)

static refract_request* requiring(const char* type) {
    const refract_platform wanted = platform("linux", "amd64");
    const refract_string required = text(type);
    refract_request_options options;
    refract_request* request = NULL;
    memset(&options, 0, sizeof options);
    options.abi_version = REFRACT_ABI_VERSION;
    options.platforms = &wanted;
    options.platforms_count = 1;
    options.required_types = &required;
    options.required_types_count = 1;
    CHECK_STATUS(REFRACT_OK, refract_request_new(&request, &options, NULL));
    return request;
}

/* Answers every question of a round with one document, or with none. */
static void answer_all(refract_search* search, const refract_questions* asked, const struct document* with) {
    uint32_t number = 0;
    for (number = 0; number < asked->count; ++number) {
        if (with == NULL) {
            CHECK_STATUS(REFRACT_OK, refract_search_missing(search, number, "gone", 4, NULL));
        } else {
            CHECK_STATUS(REFRACT_OK, refract_search_answer(search, number, with->bytes, with->size, NULL));
        }
    }
}

/* The index tells of an SBOM, so that nothing is asked for it. */
static void test_told_by_the_index(refract_walk* walk) {
    refract_request* request = requiring("sbom");
    refract_search* search = NULL;
    const refract_questions* asked = NULL;
    const refract_references* all = NULL;
    refract_string record = {"x", 1};
    CHECK_STATUS(REFRACT_OK, refract_search_new(&search, request, DIGEST_TAGS, 0, NULL));
    CHECK_STATUS(REFRACT_OK, refract_search_begin(search, walk, NULL, 0, NULL, 0, 0, &asked, NULL));
    CHECK(asked->count == 0);
    CHECK_STATUS(REFRACT_OK, refract_search_check_required(search, NULL));
    CHECK_STATUS(REFRACT_OK, refract_search_references(search, &all, NULL));
    CHECK(all->count == 1 && all->references[0].sources == REFRACT_SOURCE_INDEX);
    CHECK_STATUS(REFRACT_OK, refract_search_record(search, &record, NULL));
    CHECK(record.size == 0);
    refract_search_free(search);
    refract_request_free(request);
}

/* A signature is looked for under the digest tags of the index and the image. */
static void test_asked(refract_walk* walk) {
    refract_request* request = requiring("signature");
    refract_search* search = NULL;
    const refract_questions* asked = NULL;
    refract_error error;
    CHECK_STATUS(REFRACT_OK, refract_search_new(&search, request, DIGEST_TAGS, 0, NULL));
    CHECK_STATUS(REFRACT_NEED, refract_search_begin(search, walk, NULL, 0, NULL, 0, 0, &asked, NULL));
    CHECK(asked->count == 2);
    CHECK(asked->questions[0].kind == REFRACT_QUESTION_MANIFEST);
    CHECK(strncmp(asked->questions[0].reference.data, "sha256-717baff3", 15) == 0);
    CHECK(same(asked->questions[0].media_type, INDEX_TYPE));
    CHECK(asked->questions[0].max_bytes == 4u << 20);
    /* Not all is answered yet. */
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_search_next(search, &asked, &error));
    CHECK_STATUS(REFRACT_NEED, refract_search_begin(search, walk, NULL, 0, NULL, 0, 0, &asked, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_search_missing(search, 2, NULL, 0, &error));
    answer_all(search, asked, NULL);
    CHECK_STATUS(REFRACT_OK, refract_search_next(search, &asked, NULL));
    CHECK(asked->count == 0);
    CHECK_STATUS(REFRACT_DENIED, refract_search_check_required(search, &error));
    CHECK(strstr(error.message, "sha256:717baff3") != NULL && strstr(error.message, "sha256:395c0b4b") != NULL);
    CHECK(strstr(error.message, ": signature") != NULL && strstr(error.message, "attached: sbom") != NULL);
    refract_search_free(search);
    refract_request_free(request);
}

/* What was found is written down, and read again without asking. */
static void test_recalled(void) {
    refract_request* request = requiring("sbom");
    refract_search* search = NULL;
    const refract_questions* asked = NULL;
    const refract_references* all = NULL;
    refract_string record;
    refract_error error;
    char* kept = NULL;
    const char* const digest = image_document.digest;
    CHECK_STATUS(REFRACT_OK, refract_search_new(&search, request, DIGEST_TAGS, 0, NULL));
    CHECK_STATUS(REFRACT_NEED, refract_search_begin(search, NULL, MANIFEST_TYPE, strlen(MANIFEST_TYPE), digest,
                                                    strlen(digest), (int64_t)image_document.size, &asked, NULL));
    CHECK_STATUS(REFRACT_DENIED, refract_search_check_required(search, &error));
    CHECK(strstr(error.message, "manifest sha256:395c0b4b") != NULL && strstr(error.message, "linux/amd64") != NULL);
    CHECK(asked->count == 1);
    answer_all(search, asked, &index_document);
    while (refract_search_next(search, &asked, NULL) == REFRACT_NEED) answer_all(search, asked, NULL);
    CHECK_STATUS(REFRACT_OK, refract_search_check_required(search, NULL));
    CHECK_STATUS(REFRACT_OK, refract_search_references(search, &all, NULL));
    CHECK(all->count == 1 && all->references[0].sources == REFRACT_SOURCE_DIGEST_TAG);
    CHECK(all->references[0].place.document == REFRACT_NONE);
    CHECK(all->tree_count == 2 && all->tree[0].kind == REFRACT_NODE_IMAGE &&
          same(all->tree[0].descriptor.digest, digest));
    CHECK_STATUS(REFRACT_OK, refract_search_record(search, &record, NULL));
    CHECK(record.size > 0);
    kept = malloc(record.size);
    CHECK(kept != NULL);
    memcpy(kept, record.data, record.size);
    CHECK_STATUS(REFRACT_DIGEST_MISMATCH,
                 refract_search_recall(search, digest, strlen(digest), kept, record.size, &error));
    free(kept);
    refract_search_free(search);
    refract_request_free(request);
}

static void test_wrong_arguments(refract_walk* fresh) {
    refract_request* request = requiring("sbom");
    refract_search* search = NULL;
    const refract_questions* asked = NULL;
    const refract_references* all = NULL;
    refract_string record;
    refract_error error;
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_search_new(NULL, request, 0, 0, &error));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_search_new(&search, NULL, 0, 0, &error));
    CHECK(search == NULL);
    CHECK_STATUS(REFRACT_OK, refract_search_new(&search, request, 0, 0, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_search_next(search, &asked, &error));
    CHECK(strstr(error.message, "has not begun") != NULL);
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_search_answer(search, 0, NULL, 0, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_search_missing(search, 0, NULL, 0, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_search_recall(search, NULL, 0, NULL, 0, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_search_references(search, &all, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_search_check_required(search, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_search_record(search, &record, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_search_begin(search, fresh, NULL, 0, NULL, 0, 0, &asked, &error));
    CHECK(strstr(error.message, "not done") != NULL);
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_search_begin(search, NULL, NULL, 0, NULL, 0, 0, NULL, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_search_begin(NULL, NULL, NULL, 0, NULL, 0, 0, &asked, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_search_next(NULL, &asked, NULL));
    refract_search_free(NULL);
    refract_search_free(search);
    refract_request_free(request);
}

void test_search(void) {
    refract_request* request = amd64_request(REFRACT_SELECT);
    refract_walk* walk = NULL;
    CHECK_STATUS(REFRACT_OK, refract_walk_new(&walk, request, NULL));
    test_wrong_arguments(walk);
    pull_thin(walk);
    test_told_by_the_index(walk);
    test_asked(walk);
    test_recalled();
    refract_walk_free(walk);
    refract_request_free(request);
}
