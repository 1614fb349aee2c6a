// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/content_check.h"

#include "base/printable.h"

namespace refract::oci {

result<content_check> content_check::of(std::string_view digest, std::int64_t size) {
    digest_algorithm algorithm{};
    if (!parse_digest(digest, algorithm)) return error{status_code::malformed, "malformed digest " + quote(digest)};
    if (algorithm == digest_algorithm::other) {
        return error{status_code::unsupported,
                     "digest " + printable(digest) + " cannot be verified: only sha256 and sha512 can be"};
    }
    if (size < 0) return error{status_code::malformed, "a size must not be negative"};
    REFRACT_ASSIGN(auto made, hasher::of(algorithm));
    return content_check(digest, static_cast<std::uint64_t>(size), std::move(made));
}

status content_check::update(std::span<const std::byte> bytes) {
    count_ += bytes.size();
    if (count_ > size_) {
        return {status_code::size_mismatch, "size mismatch: want " + std::to_string(size_) + " bytes, got more"};
    }
    return hasher_.update(bytes);
}

status content_check::finish() {
    if (count_ < size_) {
        return {status_code::size_mismatch,
                "size mismatch: want " + std::to_string(size_) + " bytes, got " + std::to_string(count_)};
    }
    REFRACT_ASSIGN(auto got, hasher_.finish());
    if (got == digest_) return {};
    return {status_code::digest_mismatch, "digest mismatch: want " + digest_ + ", got " + got};
}

}  // namespace refract::oci
