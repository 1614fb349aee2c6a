/*
 * Copyright The refract Authors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Shows what is attached to images, and writes one piece of it: a whole program on refract.h.
 *
 *     cc -std=c11 list.c $(pkg-config --cflags --libs refract) -o list
 *     ./list registry.example/app:v1             the tree of what is attached, with numbers
 *     ./list oci:folder:v1 --get 3               layer 0 of reference 3, to the standard output
 *     ./list registry.example/app registry.example/other
 *
 * Several images are looked up by one client, so the second one needs no new connection and no new token. Log-ins are
 * those of docker and podman; $SSL_CERT_FILE names the certificates to trust instead of the system's, as for OpenSSL.
 */
#include <errno.h>
#include <inttypes.h>
#include <refract.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The one thing that a signal handler may do with a client is to cancel it. */
static refract_client* running;

static void on_interrupt(int number) {
    (void)number;
    refract_client_cancel(running);
}

/* A message is one line, safe for a terminal: print it as it is. */
static int fail(const refract_error* error) {
    (void)fprintf(stderr, "list: %s\n", error->message);
    return EXIT_FAILURE;
}

static refract_string string_of(const char* text) {
    const refract_string made = {text, text == NULL ? 0 : strlen(text)};
    return made;
}

/* Strings have a length and no NUL. What registries say is not safe for a terminal: control characters are shown as
 * '?'. */
static void print(refract_string text) {
    size_t i;
    for (i = 0; i < text.size; ++i) {
        const unsigned char c = (unsigned char)text.data[i];
        (void)putchar(c < 0x20 || c == 0x7f ? '?' : c);
    }
}

/* "index,referrers-api": one name for each bit. */
static void print_sources(uint32_t sources) {
    uint32_t bit;
    const char* separator = "";
    for (bit = 1; bit != 0; bit <<= 1) {
        if ((sources & bit) == 0) continue;
        (void)fputs(separator, stdout);
        print(refract_source_name(bit));
        separator = ",";
    }
}

/* #3 sbom sha256:… (index,referrers-api) */
static void print_reference(uint32_t number, const refract_reference* one) {
    (void)printf("#%" PRIu32 " ", number);
    print(one->type.size > 0 ? one->type : one->descriptor.media_type);
    (void)putchar(' ');
    /* A signature kept in an annotation is no blob: it has a key instead of a digest. */
    print(one->descriptor.digest.size > 0 ? one->descriptor.digest : one->annotation);
    (void)fputs(" (", stdout);
    print_sources(one->sources);
    (void)putchar(')');
    if (one->weak == REFRACT_YES) (void)fputs(" weak", stdout);
}

static void print_node(const refract_references* all, const refract_node* node) {
    uint32_t i;
    for (i = 0; i < node->depth && i < 40; ++i) (void)fputs("  ", stdout);
    if (node->reference != REFRACT_NONE) {
        print_reference(node->reference, &all->references[node->reference]);
    } else {
        const refract_platform* const platform = node->descriptor.platform;
        (void)fputs(node->kind == REFRACT_NODE_INDEX     ? "index "
                    : node->kind == REFRACT_NODE_SUBJECT ? "subject "
                                                         : "image ",
                    stdout);
        if (platform != NULL) {
            print(platform->os);
            (void)putchar('/');
            print(platform->architecture);
            (void)putchar(' ');
        }
        print(node->descriptor.digest);
    }
    if ((node->flags & REFRACT_NODE_REPEATED) != 0) (void)fputs(" repeated", stdout);
    (void)putchar('\n');
}

static void print_tree(const refract_references* all) {
    size_t i;
    for (i = 0; i < all->tree_count; ++i) print_node(all, &all->tree[i]);
    /* What could not be looked for is no error, but a person should know it. */
    for (i = 0; i < all->notices_count; ++i) {
        (void)fprintf(stderr, "list: %.*s\n", (int)all->notices[i].size, all->notices[i].data);
    }
}

/* Bytes come in pieces of any size. Anything but 0 ends the reading. */
static int32_t write_out(void* user, const void* bytes, size_t size) {
    return fwrite(bytes, 1, size, (FILE*)user) == size ? 0 : 1;
}

static int show(refract_client* client, const char* name, const char* get) {
    refract_error error;
    refract_image* image = NULL;
    const refract_references* all = NULL;
    refract_status status = refract_image_open(&image, client, name, strlen(name), &error);
    /* No options: every source. `all` belongs to the image. */
    if (status == REFRACT_OK) status = refract_image_list(image, NULL, &all, &error);
    if (status == REFRACT_OK && get == NULL) print_tree(all);
    if (status == REFRACT_OK && get != NULL) {
        char* end = NULL;
        errno = 0;
        const unsigned long number = strtoul(get, &end, 10);
        if (errno != 0 || end == get || *end != '\0' || number >= all->count) {
            (void)fprintf(stderr, "list: there is no reference %s\n", get);
            refract_image_free(image);
            return EXIT_FAILURE;
        }
        status = refract_image_get(image, (uint32_t)number, 0, write_out, stdout, &error);
    }
    refract_image_free(image);
    return status == REFRACT_OK ? EXIT_SUCCESS : fail(&error);
}

int main(int count, char** arguments) {
    const char* get = NULL;
    refract_client_options options;
    refract_error error;
    int code = EXIT_SUCCESS;
    int i;
    if (count > 3 && strcmp(arguments[count - 2], "--get") == 0) {
        get = arguments[count - 1];
        count -= 2;
    }
    if (count < 2 || (get != NULL && count > 2)) {
        (void)fputs("usage: list IMAGE [--get N], list IMAGE...\n", stderr);
        return 2;
    }

    memset(&options, 0, sizeof options);
    options.abi_version = REFRACT_ABI_VERSION;
    options.system_ca_file = string_of(getenv("SSL_CERT_FILE"));
    if (refract_client_new(&running, &options, &error) != REFRACT_OK) return fail(&error);
    (void)signal(SIGINT, on_interrupt);

    for (i = 1; i < count && code == EXIT_SUCCESS; ++i) code = show(running, arguments[i], get);

    (void)signal(SIGINT, SIG_DFL); /* before its client is gone */
    refract_client_free(running);
    if (fflush(stdout) != 0 && code == EXIT_SUCCESS) {
        (void)fputs("list: the standard output cannot be written to\n", stderr);
        code = EXIT_FAILURE;
    }
    return code;
}
