// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/manifest.h"

#include "oci/document.h"

namespace refract::oci {

status manifest::read(json_reader& reader, std::span<const std::byte> bytes, const limits& limits) {
    REFRACT_ASSIGN(auto root, reader.read(document_, bytes));

    document_root top;
    REFRACT_TRY(read_document_root(root, media_kind::manifest, top));
    media_type_ = top.media_type;
    artifact_type_ = top.artifact_type;
    annotated_ = top.annotations.has_value();
    if (annotated_) annotations_ = *top.annotations;
    if (!top.config || top.config->is_null()) return {status_code::malformed, "has no config"};
    if (status done = read_descriptor(*top.config, limits, config_, platforms_); done.failed()) {
        return std::move(done).in("config");
    }
    if (top.subject) {
        descriptor subject;
        if (status done = read_descriptor(*top.subject, limits, subject, platforms_); done.failed()) {
            return std::move(done).in("subject");
        }
        subject_ = subject.digest;
    }
    if (!top.layers) return {};
    return read_descriptors(*top.layers, limits, layers_, platforms_).in("layers");
}

std::string_view manifest::annotation(std::string_view key) const {
    std::string_view text;
    if (!annotated_ || annotations_.at_key(key).get(text) != simdjson::SUCCESS) return {};
    return text;
}

}  // namespace refract::oci
