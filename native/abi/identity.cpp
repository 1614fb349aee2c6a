// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <memory>

#include "abi/guard.h"
#include "base/limits.h"
#include "oci/document.h"

struct refract_identity {
    refract::oci::identity identity;
    refract_identity_view view{};
};

using namespace refract;

namespace {

status read(std::string_view served_as, std::span<const std::byte> bytes, refract_identity& into) {
    constexpr limits table;
    if (bytes.size() > table.document_bytes) {
        return {status_code::limit_exceeded, "a document of " + std::to_string(bytes.size()) +
                                                 " bytes is over the limit of " + std::to_string(table.document_bytes)};
    }
    oci::json_reader reader(table.json_depth);
    auto identity = oci::identify(reader, bytes, served_as);
    if (identity.failed()) return std::move(identity).take();
    into.identity = std::move(identity).value();
    const bool is_index = into.identity.kind == oci::media_kind::index;
    into.view = {is_index ? REFRACT_DOCUMENT_INDEX : REFRACT_DOCUMENT_MANIFEST, abi::text(into.identity.media_type),
                 abi::text(into.identity.artifact_type), abi::text(into.identity.subject)};
    return {};
}

}  // namespace

extern "C" {

refract_status refract_identity_new(refract_identity** out, const char* served_as, size_t served_as_size,
                                    const void* bytes, size_t bytes_size, const refract_identity_view** view,
                                    refract_error* error) REFRACT_NOEXCEPT {
    return abi::guarded(error, [&]() -> status {
        if (out == nullptr || view == nullptr) return abi::missing_argument("out and view");
        auto made = std::make_unique<refract_identity>();
        status done = read(abi::view(served_as, served_as_size), abi::bytes(bytes, bytes_size), *made);
        if (done.failed()) return done;
        *view = &made->view;
        *out = made.release();
        return {};
    });
}

void refract_identity_free(refract_identity* identity) REFRACT_NOEXCEPT { delete identity; }

}  // extern "C"
