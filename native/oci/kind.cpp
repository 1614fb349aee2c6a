// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/kind.h"

#include <algorithm>
#include <bit>

#include "oci/annotations.h"
#include "oci/media_type.h"

namespace refract::oci {
namespace {

/// As sigstore calls a bundle that holds a plain signature.
constexpr std::string_view message_signature = "message-signature";

constexpr bool whole = false;
constexpr bool beginning = true;
constexpr bool envelope = true;
constexpr bool plain = false;
constexpr bool payload = true;

constexpr std::array table = std::to_array<kind_of_type>({
    // What an index or a tag calls it: Proposal F's reference types, BuildKit's, cosign's tags.
    {"sbom", whole, kind_sbom},
    {"signature", whole, kind_signature},
    {"provenance", whole, kind_provenance},
    {"attestation", whole, kind_attestation, envelope},
    {"attestation-manifest", whole, kind_attestation, envelope},
    {"vex", whole, kind_vex},
    {"vulnerabilities", whole, kind_vulnerabilities},
    {"soci", whole, kind_soci},
    {"soci-index", whole, kind_soci},
    {"nydus", whole, kind_nydus},
    // Sigstore says of a bundle what is in it.
    {message_signature, whole, kind_signature},

    // SBOMs: SPDX, CycloneDX, Syft, Harbor's.
    {"application/spdx", beginning, kind_sbom, plain, payload},
    {"text/spdx", beginning, kind_sbom, plain, payload},
    {"application/vnd.cyclonedx", beginning, kind_sbom, plain, payload},
    {"application/vnd.syft", beginning, kind_sbom, plain, payload},
    {"application/vnd.goharbor.harbor.sbom", beginning, kind_sbom, plain, payload},
    {"application/vnd.dev.cosign.artifact.sbom", beginning, kind_sbom, plain, payload},

    // Signatures: cosign's simple signing, notation's, PGP's.
    {"application/vnd.dev.cosign.simplesigning", beginning, kind_signature, plain, payload},
    {"application/vnd.dev.cosign.artifact.sig", beginning, kind_signature, plain, payload},
    {"application/vnd.cncf.notary.", beginning, kind_signature, plain, payload},
    {"application/jose", beginning, kind_signature, plain, payload},
    {"application/cose", beginning, kind_signature, plain, payload},
    {"application/pgp-signature", beginning, kind_signature, plain, payload},

    // VEX, and what a scan found.
    {"application/vnd.openvex", beginning, kind_vex, plain, payload},
    {"application/openvex", beginning, kind_vex, plain, payload},
    {"application/csaf", beginning, kind_vex, plain, payload},
    {"application/sarif", beginning, kind_vulnerabilities, plain, payload},
    {"application/vnd.security.vulnerability.report", beginning, kind_vulnerabilities, plain, payload},
    {"application/vnd.scanner.adapter.vuln.report", beginning, kind_vulnerabilities, plain, payload},

    // Attestations: in-toto's types of single predicates, then those that hold any.
    {"application/vnd.in-toto.spdx", beginning, kind_sbom | kind_attestation, plain, payload},
    {"application/vnd.in-toto.cyclonedx", beginning, kind_sbom | kind_attestation, plain, payload},
    {"application/vnd.in-toto.provenance", beginning, kind_provenance | kind_attestation, plain, payload},
    {"application/vnd.in-toto.vuln", beginning, kind_vulnerabilities | kind_attestation, plain, payload},
    {"application/vnd.in-toto.openvex", beginning, kind_vex | kind_attestation, plain, payload},
    {"application/vnd.in-toto", beginning, kind_attestation, envelope, payload},
    {"application/vnd.dsse.envelope", beginning, kind_attestation, envelope, payload},
    {"application/vnd.docker.attestation", beginning, kind_attestation, envelope, payload},
    {"application/vnd.dev.cosign.artifact.att", beginning, kind_attestation, envelope, payload},
    // A bundle may hold a signature as well as an attestation: by itself it is neither.
    {"application/vnd.dev.sigstore.bundle", beginning, 0, envelope, payload},

    // Other ways to store an image.
    {"application/vnd.amazon.soci.", beginning, kind_soci, plain, payload},
    {"application/vnd.nydus.", beginning, kind_nydus},
    {"application/vnd.oci.image.layer.nydus.", beginning, kind_nydus},

    // Predicates. cosign signs with a statement, too: that one is a signature and nothing else.
    {"https://sigstore.dev/cosign/sign/", beginning, kind_signature},
    {"https://spdx.dev/Document", beginning, kind_sbom | kind_attestation},
    {"https://cyclonedx.org/vex", beginning, kind_vex | kind_attestation},
    {"https://cyclonedx.org/", beginning, kind_sbom | kind_attestation},
    {"https://syft.dev/bom", beginning, kind_sbom | kind_attestation},
    {"https://slsa.dev/provenance/", beginning, kind_provenance | kind_attestation},
    {"https://openvex.dev/", beginning, kind_vex | kind_attestation},
    {"https://docs.oasis-open.org/csaf/", beginning, kind_vex | kind_attestation},
    {"https://cosign.sigstore.dev/attestation/vuln/", beginning, kind_vulnerabilities | kind_attestation},
    {"https://in-toto.io/attestation/vuln", beginning, kind_vulnerabilities | kind_attestation},
    {"https://", beginning, kind_attestation},
    {"http://", beginning, kind_attestation},

    // Of no kind, but no root file system either.
    {"application/vnd.dev.cosign.", beginning, 0, plain, payload},
    {"application/vnd.dev.cosignproject.", beginning, 0, plain, payload},
    {"application/vnd.dev.sigstore.", beginning, 0, plain, payload},
    {"application/vnd.cncf.helm.", beginning, 0, plain, payload},
    {"application/vnd.oci.empty.", beginning, 0, plain, payload},
});

const kind_of_type* find(std::string_view type) noexcept {
    const auto* const found = std::find_if(table.begin(), table.end(), [&](const kind_of_type& row) {
        return row.is_beginning ? type.starts_with(row.type) : type == row.type;
    });
    return found == table.end() ? nullptr : found;
}

constexpr std::array<std::string_view, 8> names{"sbom", "signature",       "provenance", "attestation",
                                                "vex",  "vulnerabilities", "soci",       "nydus"};

}  // namespace

std::span<const kind_of_type> kinds_table() noexcept { return table; }

std::uint32_t kinds_of(std::string_view type) noexcept {
    const auto* const row = find(type);
    return row == nullptr ? 0 : row->kinds;
}

bool is_envelope(std::string_view type) noexcept {
    const auto* const row = find(type);
    return row != nullptr && row->is_envelope;
}

bool is_artifact_payload(std::string_view media_type) noexcept {
    const auto* const row = find(media_type);
    return row != nullptr && row->is_payload;
}

namespace {

/// The type of a predicate is a URI (in-toto, "TypeURI"): a word in its place says nothing.
bool is_predicate(std::string_view type) noexcept { return type.find(':') != std::string_view::npos; }

}  // namespace

std::string_view type_in_bundle(std::string_view predicate, std::string_view content) noexcept {
    if (!predicate.empty()) return is_predicate(predicate) ? predicate : std::string_view();
    return content == message_signature ? content : std::string_view();
}

std::vector<std::string_view> types_of_layer(const descriptor& layer) {
    std::vector<std::string_view> types;
    if (!is_empty_type(layer.media_type)) types.push_back(layer.media_type);
    for (const auto key : {annotation::in_toto_predicate, annotation::cosign_predicate}) {
        if (const auto type = annotation_of(layer, key); is_predicate(type)) types.push_back(type);
    }
    return types;
}

std::string_view kind_name(std::uint32_t kind) noexcept {
    if (!std::has_single_bit(kind)) return {};
    const auto number = static_cast<std::size_t>(std::countr_zero(kind));
    return number < names.size() ? names[number] : std::string_view();
}

std::uint32_t kind_named(std::string_view name) noexcept {
    const auto* const found = std::find(names.begin(), names.end(), name);
    return found == names.end() ? 0 : 1u << static_cast<unsigned>(found - names.begin());
}

}  // namespace refract::oci
