// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Any bytes as a manifest and as a config; what both accept is put to the proof.
#include "oci/manifest.h"
#include "oci/config.h"
#include "resolve/proof.h"

using namespace refract;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    const limits limits;
    oci::json_reader reader(limits.json_depth);

    oci::manifest manifest;
    if (manifest.read(reader, bytes, limits).ok()) {
        (void)resolve::disprove(manifest, manifest.media_type(), resolve::request{});
    }
    oci::config config;
    if (config.read(reader, bytes).ok()) (void)resolve::disprove(manifest, config);
    return 0;
}
