/*
 * Copyright The refract Authors.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

int same(refract_string got, const char* wanted) {
    return got.size == strlen(wanted) && (got.size == 0 || memcmp(got.data, wanted, got.size) == 0);
}

refract_string text(const char* of) {
    const refract_string string = {of, strlen(of)};
    return string;
}

refract_platform platform(const char* os, const char* architecture) {
    refract_platform made;
    memset(&made, 0, sizeof made);
    made.os = text(os);
    made.architecture = text(architecture);
    return made;
}

refract_request* amd64_request(refract_mode mode) {
    const refract_platform wanted = platform("linux", "amd64");
    refract_request_options options;
    refract_request* request = NULL;
    memset(&options, 0, sizeof options);
    options.abi_version = REFRACT_ABI_VERSION;
    options.mode = mode;
    options.platforms = &wanted;
    options.platforms_count = 1;
    CHECK_STATUS(REFRACT_OK, refract_request_new(&request, &options, NULL));
    CHECK(request != NULL);
    return request;
}

refract_status begin(refract_walk* walk, const struct document* root, refract_need* need, refract_error* error) {
    return refract_walk_begin(walk, root->media_type, strlen(root->media_type), root->digest, strlen(root->digest),
                              (int64_t)root->size, root->bytes, root->size, need, error);
}

refract_status feed(refract_walk* walk, const struct document* document, refract_need* need, refract_error* error) {
    return refract_walk_feed(walk, document->bytes, document->size, NULL, need, error);
}
