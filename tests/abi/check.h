/*
 * Copyright The refract Authors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What every part of the C test shares. A failed check ends the process: what comes after it would make no sense.
 */
#ifndef REFRACT_TESTS_ABI_CHECK_H
#define REFRACT_TESTS_ABI_CHECK_H

#include <refract.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "documents.h"

#define CHECK(condition)                                                                  \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(EXIT_FAILURE);                                                           \
        }                                                                                 \
    } while (0)

#define CHECK_STATUS(wanted, call)                                                                                  \
    do {                                                                                                            \
        const refract_status got_ = (call);                                                                         \
        if (got_ != (wanted)) {                                                                                     \
            (void)fprintf(stderr, "%s:%d: %s: status %d, not %s\n", __FILE__, __LINE__, #call, (int)got_, #wanted); \
            exit(EXIT_FAILURE);                                                                                     \
        }                                                                                                           \
    } while (0)

/* Whether a string of the library holds exactly this text. */
int same(refract_string got, const char* wanted);
/* A string of ours in the library's form. */
refract_string text(const char* of);
refract_platform platform(const char* os, const char* architecture);
/* A request for linux/amd64. */
refract_request* amd64_request(refract_mode mode);
refract_status begin(refract_walk* walk, const struct document* root, refract_need* need, refract_error* error);
refract_status feed(refract_walk* walk, const struct document* document, refract_need* need, refract_error* error);
/* Pulls index_document as a runtime would and checks what comes of it. */
void pull_thin(refract_walk* walk);

void test_arguments(void);
void test_errors(void);
void test_image(void);
void test_manifest(void);
void test_platforms(void);
void test_reuse(void);
void test_search(void);
void test_small_things(void);
void test_thin(void);
void test_threads(void);

#endif /* REFRACT_TESTS_ABI_CHECK_H */
