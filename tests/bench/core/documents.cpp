// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "documents.h"

#include <nlohmann/json.hpp>
#include <span>

#include "oci/digest.h"

namespace refract::bench {
namespace {

using json = nlohmann::ordered_json;

std::string digest_of(const std::string& text) {
    return oci::sha256_digest(std::as_bytes(std::span(text.data(), text.size()))).value();
}

json descriptor(const std::string& type, const std::string& digest, std::size_t size) {
    return {{"mediaType", type}, {"digest", digest}, {"size", size}};
}

struct target {
    const char* architecture;
    const char* variant;
};

}  // namespace

index make_index(std::size_t entries, int indent, bool marked) {
    static constexpr target targets[] = {{"amd64", ""}, {"arm64", ""},   {"arm", "v7"}, {"arm", "v6"},
                                         {"386", ""},   {"ppc64le", ""}, {"s390x", ""}};
    static const std::string manifest_type = "application/vnd.oci.image.manifest.v1+json";
    index made;
    made.entries = entries;
    const json diff_ids = json::array({digest_of("layer")});
    const json rootfs{{"type", "layers"}, {"diff_ids", diff_ids}};
    made.config = json{{"architecture", "amd64"}, {"os", "linux"}, {"rootfs", rootfs}}.dump(indent);
    const json layers =
        json::array({descriptor("application/vnd.oci.image.layer.v1.tar+gzip", digest_of("gzip"), 3208942)});
    made.manifest = json{
        {"schemaVersion", 2},
        {"mediaType", manifest_type},
        {"config", descriptor("application/vnd.oci.image.config.v1+json", digest_of(made.config), made.config.size())},
        {"layers",
         layers}}.dump(indent);
    made.manifest_digest = digest_of(made.manifest);

    json all = json::array();
    for (std::size_t i = 0; i < entries; i += 2) {
        const target& of = targets[i / 2 % std::size(targets)];
        const std::string digest = i == 0 ? made.manifest_digest : digest_of(std::to_string(i));
        json image = descriptor(manifest_type, digest, i == 0 ? made.manifest.size() : 1024 + i);
        image["platform"] = {{"architecture", of.architecture}, {"os", "linux"}};
        if (*of.variant != '\0') image["platform"]["variant"] = of.variant;
        json attestation = descriptor(manifest_type, digest_of("attestation " + std::to_string(i)), 566);
        json& annotations = attestation["annotations"];
        if (marked) {
            annotations["org.opencontainers.reference.description"] = "provenance of the build, and an SBOM of it";
            annotations["org.opencontainers.reference.digest"] = digest;
            annotations["org.opencontainers.reference.type"] = "attestation";
        }
        annotations["vnd.docker.reference.digest"] = digest;
        annotations["vnd.docker.reference.type"] = "attestation-manifest";
        attestation["platform"] = {{"architecture", "unknown"}, {"os", "unknown"}};
        all.push_back(std::move(image));
        all.push_back(std::move(attestation));
    }
    made.bytes =
        json{{"schemaVersion", 2}, {"mediaType", "application/vnd.oci.image.index.v1+json"}, {"manifests", all}}.dump(
            indent);
    made.digest = digest_of(made.bytes);
    return made;
}

}  // namespace refract::bench
