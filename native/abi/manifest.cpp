// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/manifest.h"

#include <deque>
#include <memory>
#include <vector>

#include "abi/arrays.h"
#include "abi/guard.h"
#include "base/printable.h"
#include "oci/kind.h"

struct refract_manifest {
    refract::oci::manifest manifest;
    std::vector<refract_descriptor> layers;
    std::deque<std::vector<refract_string>> types;
    std::vector<refract_layer_types> layer_types;
    refract_manifest_view view{};
};

using namespace refract;

namespace {

status read(std::string_view digest, std::span<const std::byte> bytes, refract_manifest& into) {
    constexpr limits table;
    const std::string place = "manifest " + printable(digest);
    if (bytes.size() > table.document_bytes) {
        return status{status_code::limit_exceeded, "takes " + std::to_string(bytes.size()) +
                                                       " bytes, more than the limit of " +
                                                       std::to_string(table.document_bytes)}
            .in(place);
    }
    if (status done = oci::verify_digest(digest, bytes); done.failed()) return std::move(done).in(place);
    oci::json_reader reader(table.json_depth);
    if (status done = into.manifest.read(reader, bytes, table); done.failed()) return std::move(done).in(place);

    const oci::manifest& manifest = into.manifest;
    for (const auto& layer : manifest.layers()) {
        into.layers.push_back(abi::describe(layer, nullptr));
        auto& types = into.types.emplace_back();
        std::uint32_t kinds = 0;
        for (const auto type : oci::types_of_layer(layer)) {
            types.push_back(abi::text(type));
            kinds |= oci::kinds_of(type);
        }
        into.layer_types.push_back({types.data(), types.size(), kinds});
    }
    into.view = {abi::text(manifest.media_type()),
                 abi::text(manifest.artifact_type()),
                 abi::text(manifest.subject()),
                 abi::describe(manifest.config(), nullptr),
                 into.layers.data(),
                 into.layers.size(),
                 into.layer_types.data()};
    return {};
}

}  // namespace

extern "C" {

refract_status refract_manifest_new(refract_manifest** out, const char* digest, size_t digest_size, const void* bytes,
                                    size_t bytes_size, const refract_manifest_view** view,
                                    refract_error* error) REFRACT_NOEXCEPT {
    return abi::guarded(error, [&]() -> status {
        if (out == nullptr || view == nullptr) return abi::missing_argument("out and view");
        auto made = std::make_unique<refract_manifest>();
        status done = read(abi::view(digest, digest_size), abi::bytes(bytes, bytes_size), *made);
        if (done.failed()) return done;
        *view = &made->view;
        *out = made.release();
        return {};
    });
}

void refract_manifest_free(refract_manifest* manifest) REFRACT_NOEXCEPT { delete manifest; }

}  // extern "C"
