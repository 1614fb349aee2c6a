// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

namespace refract {

/// The one table of limits. Over a limit is always an error that says so, never a truncation.
struct limits {
    std::uint64_t document_bytes = 4u << 20;     ///< an index or a manifest
    std::uint64_t config_bytes = 4u << 20;       ///< an image config
    std::uint64_t walk_bytes = 16u << 20;        ///< all documents of one walk together
    std::uint32_t json_depth = 64;               ///< arrays and objects inside each other
    std::uint32_t nesting = 8;                   ///< indexes inside indexes, the root not counted
    std::uint32_t documents = 256;               ///< unique documents in one walk, the root counted
    std::uint32_t annotation_bytes = 64u << 10;  ///< keys and values of one descriptor's annotations
    std::uint32_t reference_blobs = 256;         ///< manifests, configs and layers of one fetched reference
    std::uint32_t fetched_references = 1000;     ///< references that a policy may fetch for one image
};

/// The most features that a platform may list. Not for a caller to change: known platforms have one.
inline constexpr std::size_t most_os_features = 64;

/// The most that a caller may allow for limits::json_depth, because some of the reading recurses.
inline constexpr std::uint32_t most_json_depth = 1024;

}  // namespace refract
