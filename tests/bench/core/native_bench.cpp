// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// What the core alone takes, without Go: each step of a pull's first look at an index, and how it grows with the index.
// Run with SIMDJSON_FORCE_IMPLEMENTATION=haswell, westmere or fallback for the other kernels.
#include <benchmark/benchmark.h>
#include <simdjson.h>

#include "documents.h"
#include "oci/digest.h"
#include "oci/index.h"
#include "resolve/predict/predict.h"
#include "resolve/references.h"
#include "resolve/tree.h"
#include "resolve/walk.h"

namespace refract {
namespace {

constexpr const char* index_type = "application/vnd.oci.image.index.v1+json";

const bench::index& document(int which) {
    static const bench::index small = bench::make_index(14, 2, false);
    static const bench::index large = bench::make_index(9900, -1, true);
    return which == 0 ? small : large;
}

std::span<const std::byte> bytes_of(const std::string& text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

resolve::request request_for(const char* architecture) {
    oci::platform wanted;
    wanted.os = "linux";
    wanted.architecture = architecture;
    resolve::request made;
    made.any = oci::platform_preference::exactly(wanted);
    made.wants.push_back({"linux/amd64", made.any});
    return made;
}

bool begin(resolve::walk& walk, const bench::index& index) {
    const auto moved = walk.begin(
        {resolve::document_kind::index, index_type, index.digest, static_cast<std::int64_t>(index.bytes.size()), {}, 0},
        bytes_of(index.bytes));
    return moved.ok() && moved.value() == resolve::walk::step::need;
}

/// A pull to its end.
bool finish(resolve::walk& walk, const bench::index& index) {
    return begin(walk, index) && walk.feed(bytes_of(index.manifest)).ok() && walk.feed(bytes_of(index.config)).ok() &&
           walk.is_done();
}

void count(benchmark::State& state, const bench::index& index) {
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                            static_cast<std::int64_t>(index.bytes.size()));
    state.SetLabel(std::to_string(index.entries) + " entries, " + std::to_string(index.bytes.size()) + " bytes");
}

void sha256(benchmark::State& state) {
    const auto& index = document(static_cast<int>(state.range(0)));
    for (auto _ : state) benchmark::DoNotOptimize(oci::verify_digest(index.digest, bytes_of(index.bytes)).ok());
    count(state, index);
}

/// simdjson's DOM alone: the floor.
void parse(benchmark::State& state) {
    const auto& index = document(static_cast<int>(state.range(0)));
    oci::json_reader reader(64);
    simdjson::dom::document into;
    for (auto _ : state) benchmark::DoNotOptimize(reader.read(into, bytes_of(index.bytes)).ok());
    count(state, index);
}

/// The whole strict read: parse, duplicates, folding, digests, marks.
void read(benchmark::State& state) {
    const auto& index = document(static_cast<int>(state.range(0)));
    oci::json_reader reader(64);
    oci::index into;
    for (auto _ : state) benchmark::DoNotOptimize(into.read(reader, bytes_of(index.bytes), limits{}).ok());
    count(state, index);
}

void select(benchmark::State& state) {
    const auto& index = document(static_cast<int>(state.range(0)));
    const auto request = request_for("amd64");
    resolve::walk walk(request);
    for (auto _ : state) {
        if (!begin(walk, index)) state.SkipWithError("the walk did not ask for the manifest");
    }
    count(state, index);
}

void references(benchmark::State& state) {
    const auto& index = document(static_cast<int>(state.range(0)));
    const auto request = request_for("amd64");
    resolve::walk walk(request);
    if (!finish(walk, index)) state.SkipWithError("the walk did not end");
    for (auto _ : state) benchmark::DoNotOptimize(resolve::find_attached(walk).references.size());
    count(state, index);
}

void tree(benchmark::State& state) {
    const auto& index = document(static_cast<int>(state.range(0)));
    const auto request = request_for("amd64");
    resolve::walk walk(request);
    if (!finish(walk, index)) state.SkipWithError("the walk did not end");
    const auto all = resolve::find_attached(walk);
    for (auto _ : state) benchmark::DoNotOptimize(resolve::tree_of(resolve::told_by(walk), all.references).size());
    count(state, index);
}

/// Cost against size: 10 to 100,000 entries, the document limit raised for it. It should be linear.
void growth(benchmark::State& state) {
    const auto index = bench::make_index(static_cast<std::size_t>(state.range(0)), -1, true);
    auto request = request_for("amd64");
    request.limits.document_bytes = 1u << 30;
    resolve::walk walk(request);
    for (auto _ : state) {
        if (!begin(walk, index)) state.SkipWithError("the walk did not ask for the manifest");
    }
    state.SetComplexityN(state.range(0));
    count(state, index);
}

/// What lint does for each of a hundred platforms: select, and predict each client; until the first document is needed.
/// From the root's bytes each time, or from the root that is shared.
void platforms(benchmark::State& state) {
    const auto& index = document(1);
    const bool shares = state.range(0) != 0;
    const resolve::expected_document root{
        resolve::document_kind::index, index_type, index.digest, static_cast<std::int64_t>(index.bytes.size()), {}, 0};
    for (auto _ : state) {
        resolve::shared_document shared(index.digest, index.bytes);
        const auto from = shares ? resolve::document_source(shared) : resolve::document_source(bytes_of(index.bytes));
        for (int number = 0; number < 100; ++number) {
            const std::string architecture = "platform" + std::to_string(number);
            const auto request = request_for(architecture.c_str());
            resolve::walk walk(request);
            benchmark::DoNotOptimize(walk.begin(root, from).ok());
            const oci::platform wanted{"linux", architecture, {}, {}, {}};
            for (const auto who : resolve::clients()) {
                resolve::predictor predictor(who, wanted, limits{});
                benchmark::DoNotOptimize(predictor.begin(root, from).ok());
            }
        }
    }
    count(state, index);
}

BENCHMARK(sha256)->Arg(0)->Arg(1)->ArgName("index");
BENCHMARK(parse)->Arg(0)->Arg(1)->ArgName("index");
BENCHMARK(read)->Arg(0)->Arg(1)->ArgName("index");
BENCHMARK(select)->Arg(0)->Arg(1)->ArgName("index");
BENCHMARK(references)->Arg(0)->Arg(1)->ArgName("index");
BENCHMARK(tree)->Arg(0)->Arg(1)->ArgName("index");
BENCHMARK(platforms)->Arg(0)->Arg(1)->ArgName("shared")->Unit(benchmark::kMillisecond);
BENCHMARK(growth)->RangeMultiplier(10)->Range(10, 100000)->Complexity(benchmark::oN);

}  // namespace
}  // namespace refract

int main(int count, char** arguments) {
    benchmark::Initialize(&count, arguments);
    benchmark::AddCustomContext("simdjson kernel", simdjson::get_active_implementation()->name());
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
