// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <simdjson.h>

#include <array>

#include "abi/guard.h"
#include "base/printable.h"
#include "oci/digest.h"
#include "oci/kind.h"
#include "oci/media_type.h"
#include "resolve/documents.h"
#include "resolve/references.h"

using namespace refract;

extern "C" {

refract_document_kind refract_media_type_kind(const char* media_type, size_t size) REFRACT_NOEXCEPT {
    switch (oci::kind_of(abi::view(media_type, size))) {
        case oci::media_kind::index:
            return REFRACT_DOCUMENT_INDEX;
        case oci::media_kind::manifest:
            return REFRACT_DOCUMENT_MANIFEST;
        case oci::media_kind::other:
            break;
    }
    return REFRACT_DOCUMENT_OTHER;
}

refract_string refract_source_name(uint32_t source) REFRACT_NOEXCEPT { return abi::text(resolve::source_name(source)); }

refract_string refract_kind_name(uint32_t kind) REFRACT_NOEXCEPT { return abi::text(oci::kind_name(kind)); }

uint32_t refract_kind_named(const char* name, size_t size) REFRACT_NOEXCEPT {
    return oci::kind_named(abi::view(name, size));
}

refract_status refract_digest_verify(const char* digest, size_t digest_size, const void* bytes, size_t bytes_size,
                                     refract_error* error) REFRACT_NOEXCEPT {
    return abi::guarded(
        error, [&] { return oci::verify_digest(abi::view(digest, digest_size), abi::bytes(bytes, bytes_size)); });
}

size_t refract_printable(const char* text, size_t size, char* out, size_t out_size) REFRACT_NOEXCEPT {
    std::size_t written = 0;
    for (auto left = abi::view(text, size); !left.empty();) {
        std::array<char, longest_shown> shown;
        std::size_t bytes = 0;
        left.remove_prefix(next_shown(left, shown, bytes));
        for (std::size_t i = 0; i < bytes; ++i, ++written) {
            if (written < out_size) out[written] = shown[i];
        }
    }
    return written;
}

uint32_t refract_abi_version(void) REFRACT_NOEXCEPT { return REFRACT_ABI_VERSION; }

refract_string refract_version(void) REFRACT_NOEXCEPT { return abi::text(REFRACT_VERSION); }

refract_string refract_simd_kernel(void) REFRACT_NOEXCEPT {
    // The kernel is chosen on first use; asking it for its name is such a use.
    static const std::string name = simdjson::get_active_implementation()->name();
    return abi::text(name);
}

refract_string refract_status_text(refract_status status) REFRACT_NOEXCEPT {
    return abi::text(status_text(static_cast<refract::status_code>(status)));
}

}  // extern "C"
