// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/manifest.h"

#include "oci/document.h"

namespace refract::oci {

outcome manifest::read(json_reader& reader, std::span<const std::byte> bytes, const limits& limits) {
    auto root = reader.read(document_, bytes);
    if (root.failed()) return std::move(root).take();

    document_root top;
    if (outcome done = read_document_root(root.value(), media_kind::manifest, top); done.failed()) return done;
    media_type_ = top.media_type;
    artifact_type_ = top.artifact_type;
    annotated_ = top.annotations.has_value();
    if (annotated_) annotations_ = *top.annotations;
    if (!top.config || top.config->is_null()) return {status::malformed, "has no config"};
    if (outcome done = read_descriptor(*top.config, limits, config_, platforms_); done.failed()) {
        return std::move(done).in("config");
    }
    if (top.subject) {
        descriptor subject;
        if (outcome done = read_descriptor(*top.subject, limits, subject, platforms_); done.failed()) {
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
