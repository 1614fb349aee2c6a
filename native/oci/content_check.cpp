// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/content_check.h"

#include "base/printable.h"

namespace refract::oci {

result<content_check> content_check::of(std::string_view digest, std::int64_t size) {
    digest_algorithm algorithm{};
    if (!parse_digest(digest, algorithm)) return error{status::malformed, "malformed digest " + quote(digest)};
    if (algorithm == digest_algorithm::other) {
        return error{status::unsupported,
                     "digest " + printable(digest) + " cannot be verified: only sha256 and sha512 can be"};
    }
    if (size < 0) return error{status::malformed, "a size must not be negative"};
    auto made = hasher::of(algorithm);
    if (made.failed()) return std::move(made).take();
    return content_check(digest, static_cast<std::uint64_t>(size), std::move(made).value());
}

outcome content_check::update(std::span<const std::byte> bytes) {
    count_ += bytes.size();
    if (count_ > size_) {
        return {status::size_mismatch, "size mismatch: want " + std::to_string(size_) + " bytes, got more"};
    }
    return hasher_.update(bytes);
}

outcome content_check::finish() {
    if (count_ < size_) {
        return {status::size_mismatch,
                "size mismatch: want " + std::to_string(size_) + " bytes, got " + std::to_string(count_)};
    }
    auto got = hasher_.finish();
    if (got.failed()) return std::move(got).take();
    if (got.value() == digest_) return {};
    return {status::digest_mismatch, "digest mismatch: want " + digest_ + ", got " + got.value()};
}

}  // namespace refract::oci
