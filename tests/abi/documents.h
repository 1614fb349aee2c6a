/*
 * Copyright The refract Authors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The documents of the C test, with the digests that sha256sum gives for them.
 */
#ifndef REFRACT_TESTS_ABI_DOCUMENTS_H
#define REFRACT_TESTS_ABI_DOCUMENTS_H

#include <stddef.h>
#include <stdint.h>

/* A document as a registry has it. */
struct document {
    const char* media_type;
    const char* digest;
    const char* bytes;
    size_t size;
};

/* The size leaves out the terminating NUL. */
#define DOCUMENT(type, sum, text) \
    { type, sum, text, sizeof(text) - 1 }

#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define CONFIG_TYPE "application/vnd.oci.image.config.v1+json"

/* The image's configuration; one layer. */
extern const struct document config_document;
/* The image: a config and one layer. */
extern const struct document image_document;
/* An SBOM with the image's platform. A pull never asks for it. */
extern const struct document sbom_document;
/* Artifact first, with the image's platform; then the image. */
extern const struct document index_document;
/* The index above, nested; an SBOM entry of it beside it. */
extern const struct document nesting_document;

#endif /* REFRACT_TESTS_ABI_DOCUMENTS_H */
