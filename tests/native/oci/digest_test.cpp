// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/digest.h"

#include <gtest/gtest.h>

#include "registry.h"

namespace refract::oci {
namespace {

const std::string hex64(64, 'a');
const std::string hex128(128, '0');

TEST(Digest, Malformed) {
    const std::string malformed[] = {
        "",
        ":",
        "sha256",
        "sha256:",
        ":" + hex64,
        hex64,
        "sha256:a",
        "sha256:" + hex64.substr(1),
        "sha256:" + hex64 + "a",
        "sha256:" + hex128,
        "sha256:" + hex64.substr(1) + "A",
        "sha256:A" + hex64.substr(1),
        "sha256:" + hex64.substr(1) + "g",
        "sha256:" + hex64.substr(1) + "`",
        "sha256:" + hex64.substr(1) + "/",
        "sha256:" + hex64.substr(1) + ":",
        "sha256:" + hex64.substr(1) + " ",
        "sha256: " + hex64.substr(1),
        "sha256:" + hex64.substr(1) + "\n",
        "sha256:" + hex64 + "\n",
        std::string("sha256:") + hex64.substr(1) + '\0',
        std::string("sha256:") + hex64 + '\0',
        "sha256:" + hex64.substr(2) + "\xc3\xa9",
        "sha256:../../../../etc/passwd",
        "sha256:" + hex64.substr(3) + "../",
        "sha256::" + hex64.substr(1),
        "sha256:sha256:" + hex64.substr(7),
        " sha256:" + hex64,
        "SHA256:" + hex64,
        "Sha256:" + hex64,
        "sha512:" + hex64,
        "sha512:" + hex128.substr(1),
        "sha512:" + hex128 + "0",
        "sha512:" + hex128.substr(1) + "F",
        "sha256+:" + hex64,
        "+sha256:" + hex64,
        "sha++256:" + hex64,
        "sha256.:" + hex64,
        "blake3:",
        "blake3:a b",
        "blake3:a/b",
        "blake3:\x1b[31m",
        "bla\xc3\xa9:abc",
        "../:abc",
        "b\\:abc",
        "a%3a:abc",
    };
    EXPECT_GE(std::size(malformed), 40u);
    for (const auto& text : malformed) {
        digest_algorithm algorithm{};
        EXPECT_FALSE(parse_digest(text, algorithm)) << text;
        const status done = verify_digest(text, {});
        ASSERT_TRUE(done.failed()) << text;
        EXPECT_EQ(done.why().code, status_code::malformed) << text;
    }
}

/// Every byte at every position of the hex, so that no vectorised check has a blind spot.
TEST(Digest, EveryByteEverywhere) {
    for (const auto& [prefix, size] : {std::pair<std::string, std::size_t>{"sha256:", 64}, {"sha512:", 128}}) {
        for (std::size_t at = 0; at < size; ++at) {
            for (int byte = 0; byte < 256; ++byte) {
                std::string text = prefix + std::string(size, '7');
                text[prefix.size() + at] = static_cast<char>(byte);
                const bool hex = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
                digest_algorithm algorithm{};
                ASSERT_EQ(parse_digest(text, algorithm), hex) << at << ' ' << byte;
            }
        }
    }
}

TEST(Digest, WellFormed) {
    const std::pair<std::string, digest_algorithm> fine[] = {
        {"sha256:" + hex64, digest_algorithm::sha256},
        {"sha256:" + std::string(64, '0'), digest_algorithm::sha256},
        {"sha512:" + hex128, digest_algorithm::sha512},
        {"blake3:abc", digest_algorithm::other},
        {"sha384:" + hex64, digest_algorithm::other},
        {"sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564", digest_algorithm::other},
        {"multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8", digest_algorithm::other},
        {"a.b_c-d+e1:Z=", digest_algorithm::other},
    };
    for (const auto& [text, wanted] : fine) {
        digest_algorithm algorithm{};
        EXPECT_TRUE(parse_digest(text, algorithm)) << text;
        EXPECT_EQ(algorithm, wanted) << text;
    }
}

TEST(Digest, Verifies) {
    // FIPS 180-4, "abc".
    const auto abc = test::bytes_of("abc");
    const std::string sha256 = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const std::string sha512 =
        "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
    EXPECT_TRUE(verify_digest(sha256, abc).ok());
    EXPECT_TRUE(verify_digest(sha512, abc).ok());
    EXPECT_TRUE(verify_digest("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", {}).ok());
    EXPECT_EQ(sha256_digest(abc).value(), sha256);

    const status wrong = verify_digest(sha256, test::bytes_of("abd"));
    ASSERT_TRUE(wrong.failed());
    EXPECT_EQ(wrong.why().code, status_code::digest_mismatch);
    EXPECT_NE(wrong.why().message.find("want " + sha256), std::string::npos);
    // The right hash under another algorithm's name is nothing (algorithm swap).
    EXPECT_TRUE(verify_digest("sha512:" + sha256.substr(7) + sha256.substr(7), abc).failed());
    EXPECT_TRUE(verify_digest("sha256:" + sha512.substr(7, 64), abc).failed());

    const status foreign = verify_digest("blake3:abc", abc);
    ASSERT_TRUE(foreign.failed());
    EXPECT_EQ(foreign.why().code, status_code::unsupported);
}

}  // namespace
}  // namespace refract::oci
