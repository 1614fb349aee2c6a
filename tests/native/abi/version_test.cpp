// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>
#include <refract.h>

#include <cstdlib>
#include <string>

namespace {

TEST(Interface, NamesTheKernelInUse) {
    const refract_string kernel = refract_simd_kernel();
    const std::string name(kernel.data, kernel.size);
    EXPECT_FALSE(name.empty());
    const char* const forced = std::getenv("SIMDJSON_FORCE_IMPLEMENTATION");
    EXPECT_EQ(name, forced != nullptr ? forced : name);
}

}  // namespace
