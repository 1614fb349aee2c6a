/*
 * Copyright The refract Authors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A request is immutable and may be shared by threads; each thread has a walk of its own.
 */
#include <pthread.h>

#include "check.h"

enum { THREADS = 4, ROUNDS = 100 };

static void* pull_often(void* shared) {
    const refract_request* const request = shared;
    const refract_platform amd64 = platform("linux", "amd64");
    refract_walk* walk = NULL;
    int round;
    CHECK_STATUS(REFRACT_OK, refract_walk_new(&walk, request, NULL));
    for (round = 0; round < ROUNDS; ++round) {
        CHECK(refract_request_match(request, &amd64) == 1);
        CHECK(refract_simd_kernel().size > 0);
        pull_thin(walk);
    }
    refract_walk_free(walk);
    return NULL;
}

void test_threads(void) {
    refract_request* request = amd64_request(REFRACT_SELECT);
    pthread_t threads[THREADS];
    int i;
    for (i = 0; i < THREADS; ++i) CHECK(pthread_create(&threads[i], NULL, pull_often, request) == 0);
    for (i = 0; i < THREADS; ++i) CHECK(pthread_join(threads[i], NULL) == 0);
    refract_request_free(request);
}
