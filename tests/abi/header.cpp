// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// The header read as C++20: every function is noexcept, so that no exception can be expected from it.
#include <refract.h>

static_assert(noexcept(refract_request_new(nullptr, nullptr, nullptr)));
static_assert(noexcept(refract_walk_new(nullptr, nullptr, nullptr)));
static_assert(noexcept(refract_walk_begin(nullptr, nullptr, 0, nullptr, 0, 0, nullptr, 0, nullptr, nullptr)));
static_assert(noexcept(refract_walk_feed(nullptr, nullptr, 0, nullptr, nullptr, nullptr)));
static_assert(noexcept(refract_walk_missing(nullptr, nullptr, 0, nullptr, nullptr)));
static_assert(noexcept(refract_manifest_new(nullptr, nullptr, 0, nullptr, 0, nullptr, nullptr)));

int main() { return refract_abi_version() == REFRACT_ABI_VERSION ? 0 : 1; }
