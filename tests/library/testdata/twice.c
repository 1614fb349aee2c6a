/*
 * Copyright The refract Authors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * twice IMAGE: what linux/amd64 would run, looked up two times by one client; and how many microseconds each time took.
 */
#include <refract.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long microseconds_since(const struct timespec* begin) {
    struct timespec now;
    (void)timespec_get(&now, TIME_UTC);
    return (now.tv_sec - begin->tv_sec) * 1000000 + (now.tv_nsec - begin->tv_nsec) / 1000;
}

static int select_once(refract_client* client, const refract_request* request, const char* name, refract_error* error) {
    refract_image* image = NULL;
    const refract_result* result = NULL;
    struct timespec begin;
    refract_status status;
    (void)timespec_get(&begin, TIME_UTC);
    status = refract_image_open(&image, client, name, strlen(name), error);
    if (status == REFRACT_OK) status = refract_image_select(image, request, &result, error);
    if (status == REFRACT_OK) {
        const refract_string digest = result->selections[0].manifest.digest;
        (void)printf("%.*s %ld\n", (int)digest.size, digest.data, microseconds_since(&begin));
    } else {
        (void)fprintf(stderr, "twice: %s\n", error->message);
    }
    refract_image_free(image);
    return status == REFRACT_OK;
}

int main(int count, char** arguments) {
    const char* const ca_file = getenv("SSL_CERT_FILE");
    const refract_string token_server = {"localhost", strlen("localhost")};
    refract_platform platform;
    refract_request_options wanted;
    refract_client_options reached;
    refract_request* request = NULL;
    refract_client* client = NULL;
    refract_error error;
    int ok;
    if (count != 2 || ca_file == NULL) return 2;
    memset(&platform, 0, sizeof platform);
    memset(&wanted, 0, sizeof wanted);
    memset(&reached, 0, sizeof reached);
    platform.os.data = "linux";
    platform.os.size = strlen("linux");
    platform.architecture.data = "amd64";
    platform.architecture.size = strlen("amd64");
    wanted.abi_version = reached.abi_version = REFRACT_ABI_VERSION;
    wanted.platforms = &platform;
    wanted.platforms_count = 1;
    reached.allowed_hosts = &token_server; /* which only the registry names */
    reached.allowed_hosts_count = 1;
    reached.system_ca_file.data = ca_file;
    reached.system_ca_file.size = strlen(ca_file);
    ok = refract_request_new(&request, &wanted, NULL) == REFRACT_OK &&
         refract_client_new(&client, &reached, NULL) == REFRACT_OK &&
         select_once(client, request, arguments[1], &error) && select_once(client, request, arguments[1], &error);
    refract_client_free(client);
    refract_request_free(request);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
