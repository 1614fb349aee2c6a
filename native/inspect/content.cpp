// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "inspect/content.h"

#include <algorithm>

#include "base/printable.h"
#include "oci/annotations.h"
#include "oci/kind.h"

namespace refract::inspect {
namespace {

result<artifact> read_document(const resolve::reference& reference, std::string bytes, const limits& limits) {
    artifact opened;
    opened.digest = reference.digest();
    opened.media_type = reference.descriptor->media_type;
    opened.manifest = std::move(bytes);
    if (reference.descriptor->kind == oci::media_kind::index) {
        opened.pieces.push_back(opened.document());
        return opened;
    }
    oci::json_reader json(limits.json_depth);
    oci::manifest manifest;
    status read = manifest.read(json, std::as_bytes(std::span(opened.manifest)), limits);
    if (read.failed()) return std::move(read).in("manifest " + opened.digest);
    for (const auto& layer : manifest.layers()) {
        opened.pieces.push_back({std::string(layer.digest),
                                 std::string(layer.media_type),
                                 std::string(oci::annotation_of(layer, oci::annotation::title)),
                                 layer.size,
                                 {}});
        for (const auto type : oci::types_of_layer(layer)) opened.pieces.back().types.emplace_back(type);
    }
    return opened;
}

/// What needs no request: annotations, and blobs that an index lists without a manifest.
artifact open_plain(const resolve::reference& reference) {
    artifact opened;
    opened.digest = reference.digest();
    if (reference.descriptor == nullptr) {
        opened.pieces.push_back({{},
                                 {},
                                 std::string(reference.annotation),
                                 static_cast<std::int64_t>(reference.value.size()),
                                 std::string(reference.value),
                                 true});
    } else {
        const auto& of = *reference.descriptor;
        opened.pieces.push_back({std::string(of.digest),
                                 std::string(of.media_type),
                                 std::string(oci::annotation_of(of, oci::annotation::title)),
                                 of.size,
                                 {}});
    }
    return opened;
}

}  // namespace

bool piece::is_of(std::string_view asked) const {
    const auto kind = oci::kind_named(asked);
    return std::any_of(types.begin(), types.end(), [&](const std::string& type) {
        return kind == 0 ? type == asked : (oci::kinds_of(type) & kind) != 0;
    });
}

piece artifact::document() const {
    return {digest, media_type, {}, static_cast<std::int64_t>(manifest.size()), manifest, true};
}

std::vector<result<artifact>> open_artifacts(reader& from, std::span<const resolve::reference> references,
                                             const limits& limits) {
    std::vector<result<artifact>> opened(references.size(), result<artifact>(artifact{}));
    std::vector<oci::fetch_request> questions;
    std::vector<std::size_t> numbers;
    for (std::size_t i = 0; i < references.size(); ++i) {
        const auto& one = references[i];
        if (one.descriptor == nullptr || one.descriptor->kind == oci::media_kind::other) {
            opened[i] = open_plain(one);
        } else {
            questions.push_back(
                oci::fetch_request_for(oci::fetch_request::kind::manifest, one.digest(), limits.document_bytes));
            numbers.push_back(i);
        }
    }
    auto answers = from.ask(questions);
    for (std::size_t n = 0; n < answers.size(); ++n) {
        const std::size_t i = numbers[n];
        if (answers[n].failed()) {
            opened[i] = std::move(answers[n]).take();
        } else {
            opened[i] = read_document(references[i], std::move(answers[n].value().documents.front()), limits);
        }
    }
    return opened;
}

result<artifact> open_artifact(reader& from, const resolve::reference& reference, const limits& limits) {
    return std::move(open_artifacts(from, std::span(&reference, 1), limits).front());
}

}  // namespace refract::inspect
