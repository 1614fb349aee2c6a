/*
 * Copyright The refract Authors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Images through the C interface, on an OCI layout that the test writes: what is listed, what is got, and what is
 * refused.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

/* What lies in the place of the SBOM's layer: as many bytes, but others than its digest names. */
static const char wrong_bytes[512] = "not the SBOM";
static const struct document layer_document = {
    "application/spdx+json", "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", wrong_bytes,
    sizeof wrong_bytes};
static const struct document layout_file = DOCUMENT("", "", "{\"imageLayoutVersion\":\"1.0.0\"}");

/* A folder with an OCI layout, and the image's name in it. */
struct folder {
    char path[64];
    char name[96];
};

/* Writes one file of the layout. */
static void write_file(const struct folder* to, const char* name, const char* bytes, size_t size) {
    char path[256];
    FILE* file;
    (void)snprintf(path, sizeof path, "%s/%s", to->path, name);
    file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

static void make_folder(const struct folder* to, const char* name) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", to->path, name);
    CHECK(mkdir(path, 0700) == 0);
}

static void write_blob(const struct folder* to, const struct document* document) {
    char name[128];
    (void)snprintf(name, sizeof name, "blobs/sha256/%s", document->digest + strlen("sha256:"));
    write_file(to, name, document->bytes, document->size);
}

static void write_layout(struct folder* to) {
    char index[512];
    int size;
    (void)strcpy(to->path, "/tmp/refract-abi-XXXXXX");
    CHECK(mkdtemp(to->path) != NULL);
    make_folder(to, "blobs");
    make_folder(to, "blobs/sha256");
    write_blob(to, &index_document);
    write_blob(to, &image_document);
    write_blob(to, &config_document);
    write_blob(to, &sbom_document);
    write_blob(to, &layer_document);
    write_file(to, "oci-layout", layout_file.bytes, layout_file.size);
    size = snprintf(index, sizeof index,
                    "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu,"
                    "\"annotations\":{\"org.opencontainers.image.ref.name\":\"v1\"}}]}",
                    index_document.media_type, index_document.digest, index_document.size);
    CHECK(size > 0 && (size_t)size < sizeof index);
    write_file(to, "index.json", index, (size_t)size);
    (void)snprintf(to->name, sizeof to->name, "oci:%s:v1", to->path);
}

static void remove_layout(const struct folder* of) {
    static const char* const folders[] = {"blobs/sha256", "blobs", ""};
    const struct document* const blobs[] = {&index_document, &image_document, &config_document, &sbom_document,
                                            &layer_document};
    char path[256];
    size_t i;
    for (i = 0; i < sizeof blobs / sizeof blobs[0]; ++i) {
        (void)snprintf(path, sizeof path, "%s/blobs/sha256/%s", of->path, blobs[i]->digest + strlen("sha256:"));
        CHECK(unlink(path) == 0);
    }
    (void)snprintf(path, sizeof path, "%s/oci-layout", of->path);
    CHECK(unlink(path) == 0);
    (void)snprintf(path, sizeof path, "%s/index.json", of->path);
    CHECK(unlink(path) == 0);
    for (i = 0; i < sizeof folders / sizeof folders[0]; ++i) {
        (void)snprintf(path, sizeof path, "%s/%s", of->path, folders[i]);
        CHECK(rmdir(path) == 0);
    }
}

static refract_client* new_client(void) {
    refract_client_options options;
    refract_client* client = NULL;
    memset(&options, 0, sizeof options);
    options.abi_version = REFRACT_ABI_VERSION;
    CHECK_STATUS(REFRACT_OK, refract_client_new(&client, &options, NULL));
    CHECK(client != NULL);
    return client;
}

static refract_image* open_image(refract_client* client, const struct folder* of) {
    refract_image* image = NULL;
    refract_error error;
    if (refract_image_open(&image, client, of->name, strlen(of->name), &error) != REFRACT_OK) {
        (void)fprintf(stderr, "%s\n", error.message);
        exit(EXIT_FAILURE);
    }
    return image;
}

/* What a callback was given; it refuses once `refuses_at` bytes have come. */
struct collected {
    char bytes[4096];
    size_t size;
    size_t refuses_at;
};

static int32_t collect(void* user, const void* bytes, size_t size) {
    struct collected* const into = user;
    CHECK(size > 0 && into->size + size <= sizeof into->bytes);
    memcpy(into->bytes + into->size, bytes, size);
    into->size += size;
    return into->size >= into->refuses_at ? 7 : 0;
}

static void test_clients(void) {
    refract_client_options options;
    refract_client* client = NULL;
    refract_error error;
    refract_login login;
    const refract_string nowhere = text("no host at all");
    memset(&options, 0, sizeof options);
    memset(&login, 0, sizeof login);

    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_client_new(NULL, &options, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_client_new(&client, NULL, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_client_new(&client, &options, &error));
    CHECK(strstr(error.message, "ABI version 0") != NULL);
    options.abi_version = REFRACT_ABI_VERSION;
    options.limits.json_depth = 1025;
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_client_new(&client, &options, NULL));
    options.limits.json_depth = 0;
    options.logins = &login;
    options.logins_count = 1;
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_client_new(&client, &options, &error));
    CHECK(strstr(error.message, "names no host") != NULL);
    login.host = text("registry.example");
    login.username = text("with:colon");
    login.password = text("secret");
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_client_new(&client, &options, &error));
    CHECK(strstr(error.message, "registry.example") != NULL && strstr(error.message, "secret") == NULL);
    options.logins_count = 0;
    options.allowed_hosts = &nowhere;
    options.allowed_hosts_count = 1;
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_client_new(&client, &options, NULL));
    CHECK(client == NULL);
    refract_client_free(NULL);
    refract_client_cancel(NULL);
}

static void test_wrong_arguments(refract_client* client, refract_image* image) {
    const refract_references* references = NULL;
    const refract_result* result = NULL;
    const refract_root* root = NULL;
    refract_list_options options;
    refract_image* none = NULL;
    refract_error error;
    memset(&options, 0, sizeof options);

    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_image_open(NULL, client, "oci:x", 5, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_image_open(&none, NULL, "oci:x", 5, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_image_open(&none, client, NULL, 0, NULL));
    CHECK_STATUS(REFRACT_MISSING, refract_image_open(&none, client, "oci:/no/such/folder", 19, &error));
    CHECK(strstr(error.message, "/no/such/folder") != NULL);
    CHECK(none == NULL);
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_image_root(NULL, &root, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_image_root(image, NULL, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_image_select(image, NULL, &result, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_image_list(NULL, NULL, &references, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_image_list(image, NULL, NULL, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_image_list(image, &options, &references, &error));
    CHECK(strstr(error.message, "ABI version 0") != NULL);
    options.abi_version = REFRACT_ABI_VERSION;
    options.sources = 1u << 30;
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_image_list(image, &options, &references, NULL));
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_image_get(image, 0, 0, NULL, NULL, NULL));
    /* Nothing was listed yet. */
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_image_get(image, 0, 0, collect, NULL, &error));
    CHECK(strstr(error.message, "nothing was listed") != NULL);
    refract_image_free(NULL);
}

static void test_root_and_selection(refract_image* image) {
    refract_request* request = amd64_request(REFRACT_SELECT);
    const refract_result* result = NULL;
    const refract_root* root = NULL;
    CHECK_STATUS(REFRACT_OK, refract_image_root(image, &root, NULL));
    CHECK(root->kind == REFRACT_DOCUMENT_INDEX && same(root->descriptor.digest, index_document.digest));
    CHECK(root->descriptor.size == (int64_t)index_document.size);
    CHECK(memcmp(root->bytes, index_document.bytes, index_document.size) == 0);
    CHECK_STATUS(REFRACT_OK, refract_image_select(image, request, &result, NULL));
    refract_request_free(request); /* no longer needed */
    CHECK(result->selections_count == 1 && result->references_count == 1);
    CHECK(same(result->selections[0].manifest.digest, image_document.digest));
    CHECK(same(result->selections[0].config_digest, config_document.digest));
}

static void test_list_and_get(refract_image* image) {
    const refract_references* all = NULL;
    refract_list_options options;
    struct collected got = {.size = 0, .refuses_at = SIZE_MAX};
    refract_error error;
    memset(&options, 0, sizeof options);
    options.abi_version = REFRACT_ABI_VERSION;
    options.check_presence = 1;

    CHECK_STATUS(REFRACT_OK, refract_image_list(image, &options, &all, NULL));
    CHECK(all->count == 1 && all->tree_count == 3 && all->notices_count == 0 && all->unread_indexes_count == 0);
    CHECK(same(all->references[0].descriptor.digest, sbom_document.digest));
    CHECK((all->references[0].sources & REFRACT_SOURCE_INDEX) != 0);
    CHECK(all->references[0].present == REFRACT_YES && all->references[0].tag.size == 0);
    CHECK(all->tree[0].kind == REFRACT_NODE_INDEX && all->tree[0].depth == 0);
    CHECK(same(all->tree[0].descriptor.digest, index_document.digest));
    CHECK(all->tree[2].kind == REFRACT_NODE_REFERENCE && all->tree[2].reference == 0);

    CHECK_STATUS(REFRACT_OK, refract_image_get(image, 0, REFRACT_WHOLE_MANIFEST, collect, &got, NULL));
    CHECK(got.size == sbom_document.size && memcmp(got.bytes, sbom_document.bytes, got.size) == 0);
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_image_get(image, 1, 0, collect, &got, &error));
    CHECK(strstr(error.message, "no reference 1") != NULL);
    CHECK_STATUS(REFRACT_MISSING, refract_image_get(image, 0, 1000, collect, &got, &error));
    CHECK(strstr(error.message, "no layer 1000") != NULL);

    got.size = 0;
    CHECK_STATUS(REFRACT_DIGEST_MISMATCH, refract_image_get(image, 0, 0, collect, &got, &error));
    CHECK(strstr(error.message, "cccccccc") != NULL);

    got.size = 0;
    got.refuses_at = 1;
    CHECK_STATUS(REFRACT_CANCELLED, refract_image_get(image, 0, 0, collect, &got, &error));
    CHECK(strstr(error.message, "callback answered 7") != NULL);
    got.size = 0;
    CHECK_STATUS(REFRACT_CANCELLED, refract_image_get(image, 0, REFRACT_WHOLE_MANIFEST, collect, &got, &error));
    CHECK(strstr(error.message, "callback answered 7") != NULL);

    /* Only what was asked for has a number. */
    options.type = text("no such type");
    CHECK_STATUS(REFRACT_OK, refract_image_list(image, &options, &all, NULL));
    CHECK(all->count == 0 && all->tree_count == 1);
    CHECK_STATUS(REFRACT_INVALID_ARGUMENT, refract_image_get(image, 0, 0, collect, &got, NULL));
}

static void test_cancelled(refract_client* client, refract_image* image, const struct folder* of) {
    struct collected got = {.size = 0, .refuses_at = SIZE_MAX};
    const refract_references* all = NULL;
    refract_image* none = NULL;
    CHECK_STATUS(REFRACT_OK, refract_image_list(image, NULL, &all, NULL));
    refract_client_cancel(client);
    CHECK_STATUS(REFRACT_CANCELLED, refract_image_get(image, 0, REFRACT_WHOLE_MANIFEST, collect, &got, NULL));
    CHECK(got.size == 0);
    CHECK_STATUS(REFRACT_CANCELLED, refract_image_list(image, NULL, &all, NULL));
    CHECK_STATUS(REFRACT_CANCELLED, refract_image_open(&none, client, of->name, strlen(of->name), NULL));
    CHECK(none == NULL);
}

void test_image(void) {
    struct folder folder;
    refract_client* client = new_client();
    refract_image* image;
    write_layout(&folder);
    test_clients();
    image = open_image(client, &folder);
    test_wrong_arguments(client, image);
    test_root_and_selection(image);
    test_list_and_get(image);
    test_cancelled(client, image, &folder);
    /* In the order that looks wrong: the image keeps what it needs. */
    refract_client_free(client);
    refract_image_free(image);
    remove_layout(&folder);
}
