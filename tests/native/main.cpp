// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// The tests run once with each of simdjson's kernels: SIMDJSON_FORCE_IMPLEMENTATION names it. What this processor does
// not have is skipped by the exit code 77 that CTest knows, never passed silently under another kernel.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <cstdlib>
#include <iostream>

int main(int count, char** arguments) {
    testing::InitGoogleTest(&count, arguments);
    if (const char* const forced = std::getenv("SIMDJSON_FORCE_IMPLEMENTATION")) {
        const auto* const kernel = simdjson::get_available_implementations()[forced];
        if (kernel == nullptr || !kernel->supported_by_runtime_system()) {
            std::cout << "skipped: this processor or library has no kernel \"" << forced << "\"\n";
            return 77;
        }
        if (simdjson::get_active_implementation()->name() != forced) {
            std::cerr << "simdjson runs " << simdjson::get_active_implementation()->name() << ", not " << forced
                      << '\n';
            return 1;
        }
    }
    return RUN_ALL_TESTS();
}
