// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/digest.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <array>

#include "base/ascii.h"
#include "base/printable.h"

namespace refract::oci {
namespace {

constexpr std::string_view sha256_prefix = "sha256:";
constexpr std::string_view sha512_prefix = "sha512:";

/// Branch-free, so that the compiler makes vectors of it: an index of 4 MiB holds some 20,000 digests.
template <std::size_t Size>
bool is_lower_hex(const char* text) noexcept {
    unsigned bad = 0;
    for (std::size_t i = 0; i < Size; ++i) {
        const auto c = static_cast<std::uint8_t>(text[i]);
        const bool digit = static_cast<std::uint8_t>(c - '0') < 10;
        const bool letter = static_cast<std::uint8_t>(c - 'a') < 6;
        bad |= static_cast<unsigned>(!digit & !letter);
    }
    return bad == 0;
}

/// descriptor.md: algorithm ::= component (separator component)*, encoded ::= [a-zA-Z0-9=_-]+
bool follows_grammar(std::string_view text) noexcept {
    static constexpr std::string_view separators = "+._-";
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return false;
    bool component = false;
    for (const char c : text.substr(0, colon)) {
        if (is_lower_or_digit(c)) {
            component = true;
        } else if (component && separators.find(c) != std::string_view::npos) {
            component = false;
        } else {
            return false;
        }
    }
    if (!component) return false;
    for (const char c : text.substr(colon + 1)) {
        const bool fine = is_letter_or_digit(c) || c == '=' || c == '_' || c == '-';
        if (!fine) return false;
    }
    return true;
}

/// Fetched once: OpenSSL 3 otherwise looks the algorithm up again for every document.
const EVP_MD* message_digest(digest_algorithm algorithm) {
    static EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    static EVP_MD* const sha512 = EVP_MD_fetch(nullptr, "SHA512", nullptr);
    return algorithm == digest_algorithm::sha512 ? sha512 : sha256;
}

error cannot_hash() {
    const unsigned long code = ERR_get_error();
    ERR_clear_error();
    const char* const reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
    return {status_code::internal,
            std::string("OpenSSL cannot hash: ") + (reason != nullptr ? reason : "no reason given")};
}

using raw_digest = std::array<unsigned char, EVP_MAX_MD_SIZE>;

std::string describe(digest_algorithm algorithm, const raw_digest& raw, unsigned size) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text{algorithm == digest_algorithm::sha512 ? sha512_prefix : sha256_prefix};
    for (unsigned i = 0; i < size; ++i) {
        text.push_back(digits[raw[i] >> 4]);
        text.push_back(digits[raw[i] & 15]);
    }
    return text;
}

result<std::string> hash(digest_algorithm algorithm, std::span<const std::byte> bytes) {
    raw_digest raw{};
    unsigned size = 0;
    const EVP_MD* const type = message_digest(algorithm);
    if (type == nullptr || EVP_Digest(bytes.data(), bytes.size(), raw.data(), &size, type, nullptr) != 1) {
        return cannot_hash();
    }
    return describe(algorithm, raw, size);
}

}  // namespace

bool parse_digest(std::string_view text, digest_algorithm& algorithm) noexcept {
    if (text.starts_with(sha256_prefix)) {
        algorithm = digest_algorithm::sha256;
        return text.size() == sha256_prefix.size() + 64 && is_lower_hex<64>(text.data() + sha256_prefix.size());
    }
    if (text.starts_with(sha512_prefix)) {
        algorithm = digest_algorithm::sha512;
        return text.size() == sha512_prefix.size() + 128 && is_lower_hex<128>(text.data() + sha512_prefix.size());
    }
    algorithm = digest_algorithm::other;
    return follows_grammar(text);
}

status verify_digest(std::string_view digest, std::span<const std::byte> bytes) {
    digest_algorithm algorithm{};
    if (!parse_digest(digest, algorithm)) return {status_code::malformed, "malformed digest " + quote(digest)};
    if (algorithm == digest_algorithm::other) {
        return {status_code::unsupported,
                "cannot verify digest " + printable(digest) + ": only sha256 and sha512 can be"};
    }
    REFRACT_ASSIGN(auto got, hash(algorithm, bytes));
    if (got == digest) return {};
    return {status_code::digest_mismatch, "digest mismatch: want " + std::string(digest) + ", got " + got};
}

struct hasher::context {
    digest_algorithm algorithm;
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> state{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
};

hasher::hasher(std::unique_ptr<context> made) noexcept : context_(std::move(made)) {}
hasher::hasher(hasher&&) noexcept = default;
hasher& hasher::operator=(hasher&&) noexcept = default;
hasher::~hasher() = default;

result<hasher> hasher::of(digest_algorithm algorithm) {
    auto made = std::unique_ptr<context>(new context{algorithm});
    const EVP_MD* const type = message_digest(algorithm);
    if (!made->state || type == nullptr || EVP_DigestInit_ex(made->state.get(), type, nullptr) != 1) {
        return cannot_hash();
    }
    return hasher(std::move(made));
}

status hasher::update(std::span<const std::byte> bytes) {
    if (EVP_DigestUpdate(context_->state.get(), bytes.data(), bytes.size()) == 1) return {};
    return cannot_hash();
}

result<std::string> hasher::finish() {
    raw_digest raw{};
    unsigned size = 0;
    if (EVP_DigestFinal_ex(context_->state.get(), raw.data(), &size) != 1) return cannot_hash();
    return describe(context_->algorithm, raw, size);
}

result<std::string> sha256_digest(std::span<const std::byte> bytes) { return hash(digest_algorithm::sha256, bytes); }

}  // namespace refract::oci
