// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "inspect/reader.h"
#include "oci/manifest.h"
#include "resolve/references.h"

namespace refract::inspect {

/// One piece of what an artifact holds.
struct piece {
    std::string digest;  ///< empty for an annotation's value
    std::string media_type;
    std::string title;  ///< the layer's "org.opencontainers.image.title", verbatim
    std::int64_t size = 0;
    std::string value;  ///< the content, if `here`
    bool here = false;  ///< nothing is to be read: an annotation's value, or a document that was read already
    std::vector<std::string> types = {};  ///< of a layer: its media type, and the predicates that it attests

    /// Whether it is of that kind or, if that names no kind, of exactly that type.
    bool is_of(std::string_view asked) const;
};

/// What a reference leads to: the layers of its manifest, the value of its annotation, the plain blob that it is, or
/// the document of the index that it is.
struct artifact {
    std::string digest;
    std::string media_type;
    std::string manifest;  ///< the bytes of its manifest or index; empty where there is none
    std::vector<piece> pieces;

    /// The manifest or index itself.
    piece document() const;
};

/// Reads the manifest or index of a reference, so its pieces are known.
result<artifact> open_artifact(reader& from, const resolve::reference& reference, const limits& limits);

/// Several at once, in their order.
std::vector<result<artifact>> open_artifacts(reader& from, std::span<const resolve::reference> references,
                                             const limits& limits);

}  // namespace refract::inspect
