// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace refract::oci {

/// Algorithms that refract can verify, and so select by (image-spec, descriptor.md, "Registered algorithms").
enum class digest_algorithm : std::uint8_t {
    other,  ///< well-formed, but not verifiable here: such an entry is listed, never selected
    sha256,
    sha512,
};

/// Whether `text` is a digest by the grammar of descriptor.md: "sha256:" with exactly 64 and "sha512:" with exactly 128
/// lower-case hex digits; other algorithms by the grammar alone. Sets `algorithm` on success.
bool parse_digest(std::string_view text, digest_algorithm& algorithm) noexcept;

/// Whether `bytes` have `digest`. A digest of another algorithm is `unsupported`, a malformed one `malformed`.
status verify_digest(std::string_view digest, std::span<const std::byte> bytes);

/// Digests bytes as they come.
class hasher {
public:
    /// The algorithm must be sha256 or sha512.
    static result<hasher> of(digest_algorithm algorithm);

    hasher(hasher&&) noexcept;
    hasher& operator=(hasher&&) noexcept;
    ~hasher();

    status update(std::span<const std::byte> bytes);
    /// "sha256:…" of all that came. Once.
    result<std::string> finish();

private:
    struct context;
    explicit hasher(std::unique_ptr<context> made) noexcept;
    std::unique_ptr<context> context_;
};

/// "sha256:…" of the bytes.
result<std::string> sha256_digest(std::span<const std::byte> bytes);

}  // namespace refract::oci
