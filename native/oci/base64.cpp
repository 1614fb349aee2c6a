// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/base64.h"

#include <openssl/evp.h>

namespace refract::oci {

std::optional<std::vector<std::byte>> decode_base64(std::string_view text) {
    // OpenSSL's decoder is lenient about blanks and does not tell how much was padding.
    static constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const auto padding_at = text.find('=');
    const auto digits = text.substr(0, padding_at);
    const auto padding = text.size() - digits.size();
    const bool valid = text.size() % 4 == 0 && padding <= 2 &&
                       digits.find_first_not_of(alphabet) == std::string_view::npos &&
                       (padding == 0 || text.substr(padding_at).find_first_not_of('=') == std::string_view::npos);
    if (!valid) return std::nullopt;

    std::vector<std::byte> bytes(text.size() / 4 * 3);
    const int decoded =
        EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    if (decoded < 0) return std::nullopt;
    bytes.resize(static_cast<std::size_t>(decoded) - padding);
    return bytes;
}

std::string encode_base64(std::string_view bytes) {
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL ends it with a NUL
    const int size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

}  // namespace refract::oci
