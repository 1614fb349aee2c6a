// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

namespace refract::bench {

/// An index of pairs as BuildKit makes them: an image and its attestations.
struct index {
    std::string digest;
    std::string bytes;
    std::string manifest;  ///< of linux/amd64, and its config: what selecting from the index takes
    std::string config;
    std::string manifest_digest;
    std::size_t entries = 0;
};

/// `indent` < 0 writes without spaces. `marked` adds Proposal F's annotations to the attestations.
index make_index(std::size_t entries, int indent, bool marked);

}  // namespace refract::bench
