// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Each allocation of a pull, failed in turn: the call says "out of memory", nothing is selected by accident, nothing
// leaks (AddressSanitizer looks), and the same walk works again afterwards.
#include <gtest/gtest.h>
#include <refract.h>

#include <cstdlib>
#include <new>

#include "registry.h"

namespace {

/// Allocations that still succeed; negative: all of them.
thread_local long allowance = -1;

void* allocate(std::size_t size) {
    if (allowance == 0) return nullptr;
    if (allowance > 0) --allowance;
    return std::malloc(size == 0 ? 1 : size);
}

}  // namespace

// Not inlined: g++ would see malloc() beside an operator delete, and take them for no pair.
[[gnu::noinline]] void* operator new(std::size_t size) {
    void* const memory = allocate(size);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}
[[gnu::noinline]] void* operator new[](std::size_t size) { return operator new(size); }
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
[[gnu::noinline]] void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace refract::test {
namespace {

struct documents {
    documents() {
        const blob image = from.image(here);
        const blob sbom = from.artifact();
        const blob inner =
            from.index({annotated(sbom.about(digest_of('a'), "sbom"), "x", "y"), sbom.descriptor(), image.on(here)});
        json entry = from.artifact("application/spdx+json", "other").about(image.digest, "bad\nsubject");
        root = from.index({entry, sbom.about("malformed", "sbom"), inner.descriptor()});
    }
    registry from;
    blob root;
};

/// A whole walk; REFRACT_OK, or the first status that is an error.
refract_status walk_through(const documents& given, refract_walk* walk, refract_error* error) {
    refract_need need{};
    const blob& root = given.root;
    refract_status code = refract_walk_begin(walk, root.media_type.data(), root.media_type.size(), root.digest.data(),
                                             root.digest.size(), static_cast<std::int64_t>(root.bytes.size()),
                                             root.bytes.data(), root.bytes.size(), &need, error);
    while (code == REFRACT_NEED) {
        const long left = allowance;
        allowance = -1;  // what the test itself allocates does not count
        const blob* const found = given.from.find({need.descriptor.digest.data, need.descriptor.digest.size});
        allowance = left;
        code = found == nullptr
                   ? refract_walk_missing(walk, "gone", 4, &need, error)
                   : refract_walk_feed(walk, found->bytes.data(), found->bytes.size(), nullptr, &need, error);
    }
    return code;
}

/// What a search that finds nothing more makes of a finished walk.
refract_status search_through(const refract_request* request, refract_walk* walk, refract_error* error) {
    refract_search* search = nullptr;
    const refract_questions* asked = nullptr;
    const refract_references* references = nullptr;
    refract_string record{};
    refract_status code = refract_search_new(&search, request, REFRACT_SOURCE_DIGEST_TAG, 1, error);
    if (code == REFRACT_OK) code = refract_search_begin(search, walk, nullptr, 0, nullptr, 0, 0, &asked, error);
    while (code == REFRACT_NEED) {
        code = REFRACT_OK;
        for (std::uint32_t number = 0; code == REFRACT_OK && number < asked->count; ++number) {
            code = refract_search_missing(search, number, "gone", 4, error);
        }
        if (code == REFRACT_OK) code = refract_search_next(search, &asked, error);
    }
    if (code == REFRACT_OK) code = refract_search_check_required(search, error);
    if (code == REFRACT_OK) code = refract_search_references(search, &references, error);
    if (code == REFRACT_OK) code = refract_search_record(search, &record, error);
    refract_search_free(search);
    return code;
}

/// A whole pull, what is read of it too.
refract_status run(const documents& given, const refract_request* request, refract_walk* walk, refract_error* error) {
    refract_status code = walk_through(given, walk, error);
    const refract_result* result = nullptr;
    const refract_notes* notes = nullptr;
    const refract_references* references = nullptr;
    if (code == REFRACT_OK) code = refract_walk_result(walk, &result, error);
    if (code == REFRACT_OK) code = refract_walk_notes(walk, &notes, error);
    if (code == REFRACT_OK) code = refract_walk_references(walk, &references, error);
    if (code == REFRACT_OK) code = refract_walk_check_again(walk, nullptr, error);
    if (code == REFRACT_DENIED) code = REFRACT_OK;  // and the message was made
    if (code == REFRACT_OK && (result->selections_count != 1 || references->count != 3)) code = REFRACT_INTERNAL;
    return code == REFRACT_OK ? search_through(request, walk, error) : code;
}

/// One that the documents have.
const refract_string required{"bad\nsubject", 11};

refract_request_options options_for(const refract_platform& wanted) {
    refract_request_options options{};
    options.abi_version = REFRACT_ABI_VERSION;
    options.match = REFRACT_MATCH_COMPATIBLE;
    options.platforms = &wanted;
    options.platforms_count = 1;
    options.fetch_references = 1;
    options.required_types = &required;
    options.required_types_count = 1;
    return options;
}

const refract_platform amd64{{"linux", 5}, {"amd64", 5}, {}, {}, nullptr, 0};

TEST(Allocation, FailingInAPull) {
    const documents given;
    const auto options = options_for(amd64);
    refract_request* request = nullptr;
    ASSERT_EQ(refract_request_new(&request, &options, nullptr), REFRACT_OK);
    refract_walk* used = nullptr;
    ASSERT_EQ(refract_walk_new(&used, request, nullptr), REFRACT_OK);
    refract_error error{};
    ASSERT_EQ(run(given, request, used, &error), REFRACT_OK) << error.message;

    int failures = 0;
    for (long limit = 0;; ++limit) {
        refract_walk* fresh = nullptr;
        allowance = limit;
        refract_status code = refract_walk_new(&fresh, request, &error);
        if (code == REFRACT_OK) code = run(given, request, fresh, &error);
        const bool all_were_enough = allowance > 0;
        allowance = -1;
        if (code != REFRACT_OK) {
            ++failures;
            ASSERT_EQ(code, REFRACT_OUT_OF_MEMORY) << limit << ' ' << error.message;
            ASSERT_EQ(error.status, REFRACT_OUT_OF_MEMORY);
        }
        // The same with one that was used before, and it works again once there is memory.
        allowance = limit;
        const refract_status again = run(given, request, used, nullptr);
        allowance = -1;
        ASSERT_TRUE(again == REFRACT_OK || again == REFRACT_OUT_OF_MEMORY) << limit << ' ' << again;
        ASSERT_EQ(run(given, request, used, &error), REFRACT_OK) << limit << ' ' << error.message;
        if (fresh != nullptr) {
            ASSERT_EQ(run(given, request, fresh, &error), REFRACT_OK) << limit << ' ' << error.message;
        }
        refract_walk_free(fresh);
        if (code == REFRACT_OK && all_were_enough) break;
        ASSERT_LT(limit, 100000);
    }
    EXPECT_GT(failures, 50);
    refract_walk_free(used);
    refract_request_free(request);
}

/// What could not be handed out is handed out whole the next time, never in part.
TEST(Allocation, FailingInAResult) {
    const documents given;
    const auto options = options_for(amd64);
    refract_request* request = nullptr;
    ASSERT_EQ(refract_request_new(&request, &options, nullptr), REFRACT_OK);
    for (long limit = 0;; ++limit) {
        refract_walk* walk = nullptr;
        ASSERT_EQ(refract_walk_new(&walk, request, nullptr), REFRACT_OK);
        ASSERT_EQ(walk_through(given, walk, nullptr), REFRACT_OK);
        const refract_result* result = nullptr;
        allowance = limit;
        const refract_status first = refract_walk_result(walk, &result, nullptr);
        allowance = -1;
        ASSERT_EQ(refract_walk_result(walk, &result, nullptr), REFRACT_OK) << limit;
        EXPECT_EQ(result->references_count, 3u) << limit;
        EXPECT_EQ(result->selections_count, 1u) << limit;
        refract_walk_free(walk);
        if (first == REFRACT_OK) {
            EXPECT_GT(limit, 10);
            break;
        }
        ASSERT_EQ(first, REFRACT_OUT_OF_MEMORY);
    }
    refract_request_free(request);
}

TEST(Allocation, FailingInARequest) {
    const refract_string types[] = {{"a type that is too long to be kept inside a string", 50}};
    auto options = options_for(amd64);
    options.reference_types = types;
    options.reference_types_count = 1;
    for (long limit = 0;; ++limit) {
        refract_request* request = nullptr;
        refract_error error{};
        allowance = limit;
        const refract_status code = refract_request_new(&request, &options, &error);
        allowance = -1;
        if (code == REFRACT_OK) {
            EXPECT_GT(limit, 3);
            refract_request_free(request);
            break;
        }
        ASSERT_EQ(code, REFRACT_OUT_OF_MEMORY);
        ASSERT_EQ(request, nullptr);
    }
}

}  // namespace
}  // namespace refract::test
