// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Any bytes as the root of a walk, in both modes. Nothing it needs is ever to be had, so each need is answered with
// "missing", and what is left is listed.

#include "oci/digest.h"
#include "resolve/tree.h"

using namespace refract;

namespace {

void walk_through(const resolve::request& request, const std::string& digest, std::span<const std::byte> bytes) {
    resolve::walk walk(request);
    const resolve::expected_document root{resolve::document_kind::index,
                                          "application/vnd.oci.image.index.v1+json",
                                          digest,
                                          static_cast<std::int64_t>(bytes.size()),
                                          {},
                                          0};
    auto moved = walk.begin(root, bytes);
    while (moved.ok() && moved.value() == resolve::walk::step::need) moved = walk.missing("not in the corpus");
    if (moved.failed()) return;
    const auto all = resolve::find_attached(walk);
    // Whatever the graph, a tree has at most two lines for each entry or reference, and one for the root.
    const auto entries = walk.read()[0].index->entries().size();
    if (resolve::tree_of(resolve::told_by(walk), all.references).size() > 1 + entries + 2 * all.references.size())
        __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    const auto digest = oci::sha256_digest(bytes);
    if (digest.failed()) __builtin_trap();

    resolve::request list;
    list.mode = resolve::mode::list;
    walk_through(list, digest.value(), bytes);
    walk_through(resolve::request{}, digest.value(), bytes);
    return 0;
}
