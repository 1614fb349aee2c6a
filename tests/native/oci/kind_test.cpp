// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/kind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace refract::test {
namespace {

using testing::HasSubstr;

TEST(Kind, HasANameAndIsKnownByIt) {
    for (std::uint32_t kind = 1; kind <= oci::kind_nydus; kind <<= 1) {
        const auto name = oci::kind_name(kind);
        EXPECT_FALSE(name.empty());
        EXPECT_EQ(oci::kind_named(name), kind);
        EXPECT_EQ(oci::kinds_of(name), kind) << "a reference type that is named like a kind is of it";
    }
    EXPECT_TRUE(oci::kind_name(0).empty());
    EXPECT_TRUE(oci::kind_name(oci::kind_sbom | oci::kind_vex).empty());
    EXPECT_TRUE(oci::kind_name(1u << 31).empty());
    EXPECT_EQ(oci::kind_named("SBOM"), 0u) << "a type, which is compared exactly";
    EXPECT_EQ(oci::kind_named(""), 0u);
}

TEST(Kind, IsToldByWhatProducersWrite) {
    const std::pair<const char*, std::uint32_t> known[] = {
        {"application/spdx+json", oci::kind_sbom},
        {"text/spdx", oci::kind_sbom},
        {"application/vnd.cyclonedx+json;version=1.5", oci::kind_sbom},
        {"application/vnd.syft+json", oci::kind_sbom},
        {"application/vnd.dev.cosign.artifact.sbom.v1+json", oci::kind_sbom},
        {"application/vnd.dev.cosign.simplesigning.v1+json", oci::kind_signature},
        {"application/vnd.dev.cosign.artifact.sig.v1+json", oci::kind_signature},
        {"application/vnd.cncf.notary.signature", oci::kind_signature},
        {"application/jose+json", oci::kind_signature},
        {"application/cose", oci::kind_signature},
        {"https://sigstore.dev/cosign/sign/v1", oci::kind_signature},
        {"message-signature", oci::kind_signature},
        {"https://slsa.dev/provenance/v0.2", oci::kind_provenance | oci::kind_attestation},
        {"https://slsa.dev/provenance/v1", oci::kind_provenance | oci::kind_attestation},
        {"https://spdx.dev/Document", oci::kind_sbom | oci::kind_attestation},
        {"https://spdx.dev/Document/v2.3", oci::kind_sbom | oci::kind_attestation},
        {"https://cyclonedx.org/bom", oci::kind_sbom | oci::kind_attestation},
        {"https://openvex.dev/ns", oci::kind_vex | oci::kind_attestation},
        {"https://cosign.sigstore.dev/attestation/vuln/v1", oci::kind_vulnerabilities | oci::kind_attestation},
        {"https://cosign.sigstore.dev/attestation/v1", oci::kind_attestation},
        {"https://in-toto.io/Link/v1", oci::kind_attestation},
        {"application/vnd.in-toto+json", oci::kind_attestation},
        {"attestation-manifest", oci::kind_attestation},
        {"application/vnd.docker.attestation.manifest.v1+json", oci::kind_attestation},
        {"application/vnd.openvex+json", oci::kind_vex},
        {"application/csaf+json", oci::kind_vex},
        {"application/sarif+json", oci::kind_vulnerabilities},
        {"application/vnd.amazon.soci.index.v2+json", oci::kind_soci},
        {"application/vnd.nydus.manifest.v1+json", oci::kind_nydus},
        {"application/vnd.dev.sigstore.bundle.v0.3+json", 0},
        {"dsse-envelope", 0},
        {"signatures", 0},
        {"application/vnd.oci.image.config.v1+json", 0},
        {"application/vnd.example", 0},
        {"", 0},
    };
    for (const auto& [type, kinds] : known) EXPECT_EQ(oci::kinds_of(type), kinds) << type;
}

TEST(Kind, OfAnEnvelopeIsToldByWhatIsInIt) {
    for (const char* type :
         {"attestation", "attestation-manifest", "application/vnd.in-toto+json",
          "application/vnd.dsse.envelope.v1+json", "application/vnd.dev.sigstore.bundle.v0.3+json"}) {
        EXPECT_TRUE(oci::is_envelope(type)) << type;
    }
    for (const char* type : {"sbom", "https://spdx.dev/Document", "application/spdx+json", ""}) {
        EXPECT_FALSE(oci::is_envelope(type)) << type;
    }
}

/// A row behind one that fits whatever it fits would never count.
TEST(Kind, EveryRowOfTheTableCounts) {
    const auto table = oci::kinds_table();
    for (auto row = table.begin(); row != table.end(); ++row) {
        const auto first = std::find_if(table.begin(), table.end(), [&](const oci::kind_of_type& other) {
            return other.is_beginning ? row->type.starts_with(other.type) : row->type == other.type;
        });
        EXPECT_EQ(first, row) << row->type;
    }
}

std::string shown(const oci::kind_of_type& row) {
    std::string kinds;
    for (std::uint32_t kind = 1; kind <= oci::kind_nydus; kind <<= 1) {
        if ((row.kinds & kind) != 0) kinds += (kinds.empty() ? "" : ", ") + std::string(oci::kind_name(kind));
    }
    if (row.is_envelope) kinds += kinds.empty() ? "what is in it" : ", and what is in it";
    return "| `" + std::string(row.type) + (row.is_beginning ? "`… | " : "` | ") + kinds + " |\n";
}

TEST(Kind, TheTableInTheDocumentationIsThisOne) {
    std::ifstream file(REFRACT_KINDS_TABLE);
    std::stringstream text;
    text << file.rdbuf();
    std::string rows;
    for (const auto& row : oci::kinds_table()) {
        if (row.kinds != 0 || row.is_envelope) rows += shown(row);
    }
    EXPECT_THAT(text.str(), HasSubstr("| type | kinds |\n|---|---|\n" + rows)) << "native/oci/kinds.md";
}

}  // namespace
}  // namespace refract::test
