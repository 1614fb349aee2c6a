// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/index.h"

#include "oci/document.h"

namespace refract::oci {

outcome index::read(json_reader& reader, std::span<const std::byte> bytes, const limits& limits) {
    entries_.clear();
    platforms_.clear();
    auto root = reader.read(document_, bytes);
    if (root.failed()) return std::move(root).take();

    document_root top;
    if (outcome done = read_document_root(root.value(), media_kind::index, top); done.failed()) return done;
    media_type_ = top.media_type;
    artifact_type_ = top.artifact_type;
    subject_ = {};
    if (top.subject) {
        descriptor subject;
        if (outcome done = read_descriptor(*top.subject, limits, subject, platforms_); done.failed()) {
            return std::move(done).in("subject");
        }
        subject_ = subject.digest;
    }
    return read_descriptors(*top.manifests, limits, entries_, platforms_).in("manifests");
}

}  // namespace refract::oci
