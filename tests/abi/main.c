/*
 * Copyright The refract Authors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The whole C interface from C11. `abi thin` runs one part, `abi` all of them.
 */
#include "check.h"

struct part {
    const char* name;
    void (*run)(void);
};

static const struct part parts[] = {
    /* Threads first: what is made on first use is then made by several at once. */
    {"threads", test_threads},     {"thin", test_thin},
    {"reuse", test_reuse},         {"errors", test_errors},
    {"arguments", test_arguments}, {"platforms", test_platforms},
    {"manifest", test_manifest},   {"small_things", test_small_things},
    {"image", test_image},         {"search", test_search},
};

int main(int count, char** arguments) {
    size_t i;
    int ran = 0;
    for (i = 0; i < sizeof parts / sizeof parts[0]; ++i) {
        if (count > 1 && strcmp(arguments[1], parts[i].name) != 0) continue;
        parts[i].run();
        (void)printf("ok %s\n", parts[i].name);
        ++ran;
    }
    CHECK(ran > 0);
    return EXIT_SUCCESS;
}
