// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// A graph of references from any bytes: two bytes an entry, its own name and its subject's. Chains, cycles, many
// entries of one digest, subjects that nothing lists.
#include "oci/digest.h"
#include "resolve/tree.h"

using namespace refract;

namespace {

std::string digest_of(unsigned name) {
    static constexpr char digits[] = "0123456789abcdef";
    return "sha256:" + std::string(62, '0') + digits[name >> 4 & 15] + digits[name & 15];
}

std::string index_of(std::span<const std::uint8_t> graph) {
    std::string entries;
    for (std::size_t i = 0; i + 1 < graph.size(); i += 2) {
        if (i > 0) entries += ',';
        entries += R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","size":2,"digest":")" +
                   digest_of(graph[i]) + R"(","annotations":{"org.opencontainers.reference.digest":")" +
                   digest_of(graph[i + 1]) + R"("}})";
    }
    return R"({"schemaVersion":2,"manifests":[)" + entries + "]}";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text = index_of({data, size});
    const auto bytes = std::as_bytes(std::span(text));
    const auto digest = oci::sha256_digest(bytes);
    if (digest.failed()) __builtin_trap();

    resolve::request request;
    request.mode = resolve::mode::list;
    request.fetch_references = true;
    resolve::walk walk(request);
    const auto moved = walk.begin({resolve::document_kind::index,
                                   "application/vnd.oci.image.index.v1+json",
                                   digest.value(),
                                   static_cast<std::int64_t>(bytes.size()),
                                   {},
                                   0},
                                  bytes);
    if (moved.failed()) return 0;  // over a limit
    const auto all = resolve::find_attached(walk);
    std::size_t shown = 0;
    std::vector<bool> seen(all.references.size(), false);
    for (const auto& node : resolve::tree_of(resolve::told_by(walk), all.references)) {
        if (node.reference == resolve::none || seen[node.reference]) continue;
        seen[node.reference] = true;
        ++shown;
    }
    if (shown != all.references.size()) __builtin_trap();  // nothing attached may go unseen
    return 0;
}
