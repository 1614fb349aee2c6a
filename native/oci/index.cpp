// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/index.h"

#include "oci/document.h"

namespace refract::oci {

status index::read(json_reader& reader, std::span<const std::byte> bytes, const limits& limits) {
    entries_.clear();
    platforms_.clear();
    REFRACT_ASSIGN(auto root, reader.read(document_, bytes));

    document_root top;
    REFRACT_TRY(read_document_root(root, media_kind::index, top));
    media_type_ = top.media_type;
    artifact_type_ = top.artifact_type;
    subject_ = {};
    if (top.subject) {
        descriptor subject;
        if (status done = read_descriptor(*top.subject, limits, subject, platforms_); done.failed()) {
            return std::move(done).in("subject");
        }
        subject_ = subject.digest;
    }
    return read_descriptors(*top.manifests, limits, entries_, platforms_).in("manifests");
}

}  // namespace refract::oci
