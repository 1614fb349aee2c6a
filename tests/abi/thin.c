/*
 * Copyright The refract Authors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The main job from beginning to end: an index whose first entry is an artifact with the image's platform.
 */
#include <string.h>

#include "check.h"

static void check_result(refract_walk* walk) {
    const refract_result* result = NULL;
    const refract_selection* chosen = NULL;
    CHECK_STATUS(REFRACT_OK, refract_walk_result(walk, &result, NULL));

    CHECK(result->documents_count == 3);
    CHECK(result->documents[0].kind == REFRACT_DOCUMENT_INDEX);
    CHECK(same(result->documents[0].digest, index_document.digest));
    CHECK(same(result->documents[0].media_type, INDEX_TYPE));
    CHECK(result->documents[0].place.document == REFRACT_NONE && result->documents[0].place.position == REFRACT_NONE);
    CHECK(result->documents[1].kind == REFRACT_DOCUMENT_MANIFEST);
    CHECK(result->documents[1].place.document == 0 && result->documents[1].place.position == 1);
    CHECK(result->documents[2].kind == REFRACT_DOCUMENT_CONFIG);
    CHECK(result->documents[2].size == (int64_t)config_document.size);

    CHECK(result->selections_count == 1);
    chosen = &result->selections[0];
    CHECK(same(chosen->manifest.digest, image_document.digest));
    CHECK(same(chosen->manifest.media_type, MANIFEST_TYPE));
    CHECK(chosen->manifest.size == (int64_t)image_document.size);
    CHECK(chosen->manifest.platform != NULL && same(chosen->manifest.platform->architecture, "amd64"));
    CHECK(same(chosen->config_digest, config_document.digest));
    CHECK(chosen->requested == 0);
    CHECK(chosen->path_count == 1 && chosen->path[0].document == 0 && chosen->path[0].position == 1);

    CHECK(result->children_count == 1 && result->children[0].document == 0 && result->children[0].position == 1);
    /* A plain containerd would have taken the SBOM: it has the platform. */
    CHECK(result->left_out_count == 1 && result->left_out[0].document == 0 && result->left_out[0].position == 0);
    CHECK(result->references_count == 1);
    CHECK(result->unread_indexes_count == 0);
}

static void check_references(refract_walk* walk) {
    const refract_references* references = NULL;
    const refract_reference* sbom = NULL;
    CHECK_STATUS(REFRACT_OK, refract_walk_references(walk, &references, NULL));
    CHECK(references->count == 1);
    sbom = &references->references[0];
    CHECK(same(sbom->descriptor.digest, sbom_document.digest));
    CHECK(sbom->descriptor.size == (int64_t)sbom_document.size);
    CHECK(sbom->descriptor.platform != NULL && same(sbom->descriptor.platform->os, "linux"));
    CHECK(same(sbom->subject, image_document.digest));
    CHECK(sbom->malformed.size == 0);
    CHECK(same(sbom->type, "sbom") && sbom->kinds == REFRACT_KIND_SBOM && sbom->unread == 0);
    CHECK(same(sbom->description, "what is in it"));
    CHECK(sbom->annotation.size == 0 && sbom->value.size == 0);
    CHECK(sbom->sources == REFRACT_SOURCE_INDEX);
    CHECK(sbom->weak == REFRACT_NO);
    CHECK(sbom->wanted == 0);
    CHECK(sbom->place.document == 0 && sbom->place.position == 0);

    CHECK(references->tree_count == 3);
    CHECK(references->tree[0].kind == REFRACT_NODE_INDEX && references->tree[0].depth == 0);
    CHECK(same(references->tree[0].descriptor.digest, index_document.digest));
    CHECK(references->tree[1].kind == REFRACT_NODE_IMAGE && references->tree[1].depth == 1);
    CHECK(references->tree[1].flags == REFRACT_NODE_SELECTED);
    CHECK(references->tree[1].reference == REFRACT_NONE);
    CHECK(references->tree[2].kind == REFRACT_NODE_REFERENCE && references->tree[2].depth == 2);
    CHECK(references->tree[2].reference == 0);
    CHECK(same(references->tree[2].descriptor.digest, sbom_document.digest));
}

static void check_notes(refract_walk* walk) {
    const refract_notes* notes = NULL;
    CHECK_STATUS(REFRACT_OK, refract_walk_notes(walk, &notes, NULL));
    CHECK(notes->count == 1);
    CHECK(notes->notes[0].place.document == 0 && notes->notes[0].place.position == 0);
    CHECK(same(notes->notes[0].digest, sbom_document.digest));
    CHECK(same(notes->notes[0].reason, "artifact (reference type \"sbom\")"));
}

/* The SBOM comes first and is of the platform: that is what containerd would take. */
static void check_again(refract_walk* walk) {
    refract_error error;
    CHECK_STATUS(REFRACT_DENIED, refract_walk_check_again(walk, NULL, &error));
    CHECK(strstr(error.message, "manifests[0]") != NULL);
}

void pull_thin(refract_walk* walk) {
    refract_error error;
    refract_need need;

    CHECK_STATUS(REFRACT_NEED, begin(walk, &index_document, &need, &error));
    CHECK(need.kind == REFRACT_DOCUMENT_MANIFEST);
    CHECK(same(need.descriptor.digest, image_document.digest));
    CHECK(same(need.descriptor.media_type, MANIFEST_TYPE));
    CHECK(need.descriptor.size == (int64_t)image_document.size);
    CHECK(need.descriptor.platform != NULL && same(need.descriptor.platform->os, "linux"));
    CHECK(need.required);
    CHECK(need.max_bytes == 4u << 20);

    CHECK_STATUS(REFRACT_NEED, feed(walk, &image_document, &need, &error));
    CHECK(need.kind == REFRACT_DOCUMENT_CONFIG);
    CHECK(same(need.descriptor.digest, config_document.digest));
    CHECK(same(need.descriptor.media_type, CONFIG_TYPE));
    CHECK(need.descriptor.platform == NULL);

    CHECK_STATUS(REFRACT_OK, feed(walk, &config_document, &need, &error));
    check_result(walk);
    check_references(walk);
    check_notes(walk);
    check_again(walk);
}

void test_thin(void) {
    refract_request* request = amd64_request(REFRACT_SELECT);
    refract_walk* walk = NULL;
    CHECK_STATUS(REFRACT_OK, refract_walk_new(&walk, request, NULL));
    pull_thin(walk);
    refract_walk_free(walk);
    refract_request_free(request);
}
